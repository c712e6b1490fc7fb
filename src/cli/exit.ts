/** What a command ends with: yes or clean, no (denied, differences, findings), wrong usage, unreadable input. */
export const exitCodes = { yes: 0, no: 1, usage: 2, unreadable: 3 } as const;

/** Wrong usage that only the command itself can see. Its message goes to stderr, the exit code is 2. */
export class UsageError extends Error {}

/** Input that cannot be read. Its message goes to stderr, the exit code is 3. */
export class InputError extends Error {}
