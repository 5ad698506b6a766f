import fc from 'fast-check';

/**
 * Property tests try the same cases every time: what fails, fails because of what was changed. `PROPERTY_SEED=7` tries
 * other cases, and `PROPERTY_SEED=any` others each time.
 */
const asked = process.env.PROPERTY_SEED ?? '1';
if (asked !== 'any') fc.configureGlobal({ seed: Number(asked) });
