/** Why the standalone world cannot start, as the `reason` of a TerminalError, with the exit code of each. */
export const standaloneReasons = {
  /** REDIS_URL is no URL of a Redis. */
  RedisUrlInvalid: 2,
  /** The Redis at REDIS_URL does not answer or does not let us in. */
  RedisUnreachable: 4,
  /** There is no Redis on this machine and none could be unpacked. */
  RedisMissing: 4,
  /** The private Redis does not start or keeps dying. */
  RedisFailed: 4,
  /** The process that owns the data directory does not answer. */
  OwnerUnresponsive: 4,
  /** The process that owns the data directory is of another version. */
  OwnerVersionDiffers: 4,
  /** The process that owns the data directory lacks what a run needs, and does not end by itself. */
  OwnerDiffers: 4,
  /** Another process owns the data directory, and this one has to. */
  DataDirOwned: 4,
  /** The folder of manifests cannot be read. */
  FolderUnreadable: 2,
  /** A folder cannot be used, for example because it belongs to somebody else. */
  DataDirUnusable: 4,
  /** Worker processes die as soon as they start. */
  WorkersFailed: 4,
} as const;

export type StandaloneReason = keyof typeof standaloneReasons;
