import { ListMultipartUploadsCommand, ListPartsCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll } from 'vitest';
import { s3Store } from '../../../src/connectors/stores/s3.ts';
import { describeWithGoProgram } from '../../servers/goPrograms.ts';
import { type S3Server, startS3 } from '../../servers/s3.ts';
import { storeContract } from './contract.ts';

describeWithGoProgram('versitygw', 'the S3 store', () => {
  let server: S3Server;
  beforeAll(async () => {
    server = await startS3();
  }, 30_000);
  afterAll(() => server?.stop());

  storeContract('the S3 store', async () => {
    const place = { ...server.place, prefix: 'contract/made up' };
    const module = JSON.stringify(new URL('../../../src/connectors/stores/s3.ts', import.meta.url).href);
    return {
      store: s3Store(place),
      close: async () => undefined,
      expression: `import(${module}).then(({ s3Store }) => s3Store(${JSON.stringify(place)}))`,
      isHalfWay: () => hasSomeParts(server),
    };
  });
});

async function hasSomeParts({ client, place: { bucket: Bucket } }: S3Server): Promise<boolean> {
  const { Uploads = [] } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
  for (const { Key, UploadId } of Uploads) {
    const { Parts = [] } = await client.send(new ListPartsCommand({ Bucket, Key, UploadId }));
    if (Parts.length > 0) return true;
  }
  return false;
}
