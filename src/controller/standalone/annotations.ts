/** Where the relative paths of a pipeline begin: whoever asks for a run of it later has no manifest at hand. */
export const filesRootAnnotation = 'jobpulse.dev/files-root';
