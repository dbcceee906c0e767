/** What file tracking reads and sends at most; peers rely on these numbers. */

const MIB = 1024 * 1024;

/** Larger files don't exist for the tracker. */
export const MAX_FILE_BYTES = 10 * MIB;
/** Of larger files only size and time are looked at. */
export const MAX_DIFFED_BYTES = MIB;
/** New content that one scan reads. */
export const MAX_SCAN_BYTES = 50 * MIB;
/** Text of all patches in one answer. */
export const MAX_PATCHES_BYTES = 50 * MIB;

export const CAPTURE = { maxFiles: 20, maxFileBytes: 5 * MIB, maxTotalBytes: 15 * MIB } as const;
