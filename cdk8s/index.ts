/** Pipelines, whole installations and what they need of a cloud, as constructs of cdk8s. */
export * from './builder.ts';
export { GoogleCloud, type GoogleCloudProps } from './cloud/index.ts';
export { JobpulseInstallation, type JobpulseInstallationProps } from './installation/index.ts';
export { derivedPasswords } from './installation/redis.ts';
export * from './pipeline.ts';
