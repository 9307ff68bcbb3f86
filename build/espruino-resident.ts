// Functions of the core that a bundle for Espruino treats apart, though no comment in them says so: what that saves there costs elsewhere.

/**
 * They run for every header of an image and are neither fetched nor moved into another one: a function that holds others is read past
 * these at each of its calls.
 */
export const RESIDENT: readonly string[] = ["zipRead", "headerStep", "headerKind", "local", "localCheck", "directory"]

/** They run seldom and hold many others, so they are not moved into one that runs more often. */
export const APART: readonly string[] = ["entriesVerify", "entryBegin", "entryEnd", "manifestEnd", "manifestAllowed"]
