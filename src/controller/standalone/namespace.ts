/** The one namespace of a machine without a cluster. */
export const namespace = 'default';
