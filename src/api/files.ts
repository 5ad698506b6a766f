import { z } from 'zod';
import { exactlyOne, withRules } from './rules.ts';
import { text, texts, valueFrom } from './words.ts';

const http = z.strictObject({
  urls: texts(1000, 2048).min(1).describe('Addresses of the files.'),
});

const sharepoint = z.strictObject({
  site: text(512).describe('`<host>:/sites/<name>`.'),
  path: text(1024).describe('Path of the file in the drive of the site.'),
  auth: z
    .strictObject({
      tenantId: text(128).describe('Directory of the application.'),
      clientId: text(128).describe('The application.'),
      clientSecretFrom: valueFrom.describe('Its secret.'),
    })
    .describe('The application that may read the site.'),
});

export const filesExtract = withRules(
  z
    .strictObject({
      paths: texts(1000, 1024)
        .min(1)
        .exactOptional()
        .describe('Files, as globs, relative to the folder of the manifest. May hold templates.'),
      http: http.exactOptional().describe('Files behind addresses.'),
      sharepoint: sharepoint.exactOptional().describe('A file in a SharePoint site.'),
    })
    .describe('Whole files.'),
  exactlyOne('paths', 'http', 'sharepoint'),
);
export type FilesExtract = z.output<typeof filesExtract>;
