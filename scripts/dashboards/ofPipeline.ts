/** Selectors of the series of the pipeline that is chosen. */
export const inNamespace = 'namespace="$namespace"';
export const of = `${inNamespace},pipeline="$pipeline"`;
export const ofDataset = `${of},dataset=~"$dataset"`;
/** On one machine all pipelines share their pools. */
export const ofPools = `${inNamespace},pipeline=~"$pipeline|"`;
