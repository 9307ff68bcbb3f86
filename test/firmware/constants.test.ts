// The relations between sizes and limits that the rest of the firmware builds on.

import * as constants from "../../firmware/constants"

const { BLOCK_BYTES, BOOT_RECORD_BYTES, BOOT_SLOTS, CHECK_BYTES, DELTA_ENTRY_BYTES, DIGEST_BYTES } = constants
const { FILE_ALIGN_BYTES_DEFAULT, FILE_ALIGN_BYTES_MAX, FILE_BYTES_MAX, IMAGE_BYTES_MAX, UPDATE_ID_BYTES_MAX } = constants
const { COMMIT_TIMEOUT_S_DEFAULT, COMMIT_TIMEOUT_S_MAX, TRIAL_MARK_BYTES, TRIAL_MARKS, TRIALS_DEFAULT, TRIALS_MAX } = constants
const { TIMEOUT_S_MAX, WATCHDOG_FEED_MS, WATCHDOG_TIMEOUT_S } = constants
/** Where the update id begins in a boot record, and the smallest erase unit (FORMAT.md). */
const UPDATE_ID_AT = 101
const ERASE_BYTES_MIN = 1024
const RECORDS_BYTES = BOOT_SLOTS * BOOT_RECORD_BYTES

test.each([
    ["a block of a list holds whole digests", BLOCK_BYTES % DIGEST_BYTES === 0],
    ["a digest and an offset are one entry of a delta's list", DELTA_ENTRY_BYTES === DIGEST_BYTES + 4],
    ["a file is a whole number of blocks at most", FILE_BYTES_MAX % BLOCK_BYTES === 0],
    ["records fit blocks", BLOCK_BYTES % FILE_ALIGN_BYTES_MAX === 0],
    ["alignments divide each other", FILE_ALIGN_BYTES_MAX % FILE_ALIGN_BYTES_DEFAULT === 0],
    ["image offsets stay far below 2^31", IMAGE_BYTES_MAX < 0x40000000],
    ["the update id fits the boot record", UPDATE_ID_AT + UPDATE_ID_BYTES_MAX <= BOOT_RECORD_BYTES - CHECK_BYTES],
    [
        "records and marks of a unit fit the smallest erase unit",
        RECORDS_BYTES + TRIAL_MARKS * TRIAL_MARK_BYTES <= ERASE_BYTES_MIN,
    ],
    ["a unit has room for the marks of two trials", TRIAL_MARKS >= 2 * TRIALS_MAX],
    ["the default number of trials is allowed", TRIALS_DEFAULT <= TRIALS_MAX],
    ["the default commit timeout is allowed", COMMIT_TIMEOUT_S_DEFAULT <= COMMIT_TIMEOUT_S_MAX],
    ["timers count the longest timeout in milliseconds", TIMEOUT_S_MAX * 1000 < 2 ** 31],
    ["three feeds fit the watchdog's timeout", WATCHDOG_FEED_MS * 3 <= WATCHDOG_TIMEOUT_S * 1000],
])("%s", (_, holds) => expect(holds).toBe(true))
