// Every size and limit of the device, in one place; test/firmware/constants.test.ts holds their relations.

/** Semantic version of the agent that is built into every image. */
export const AGENT_VERSION = "0.1.0"

// ---- image -------------------------------------------------------------------------------------

/** Bytes of one block: what is hashed, erased, programmed and read back as one step. */
export const BLOCK_BYTES = 4096
/** Bytes of one SHA-256 digest. */
export const DIGEST_BYTES = 32
/** Bytes of an entry of a delta's block list: the digest, and where the block's record ends in the payload. */
export const DELTA_ENTRY_BYTES = 36
/** Most instructions that the record of one block of a delta has. */
export const DELTA_STEPS_MAX = 255
/** Most bytes of the base that are held in RAM at a time. */
export const DELTA_PIECE_BYTES = 1024
/** Longest manifest.json in bytes; it is held in RAM. */
export const MANIFEST_BYTES_MAX = 8192
/** Longest text field of a manifest that the board looks at, in bytes. */
export const FIELD_BYTES_MAX = 127
/** Highest security counter: what its field in the boot record holds. */
export const SECURITY_MAX = 0x7fffffff
/** Most parts that one manifest may name. */
export const PARTS_MAX = 8
/** Longest name of a zip entry in bytes, leading folder included. */
export const ENTRY_NAME_BYTES_MAX = 96
/** Longest extra field of a zip header that is kept, in bytes: what holds ECDSA signatures. */
export const EXTRA_BYTES_MAX = 2048
/** Most zip entries in an image. */
export const ENTRIES_MAX = 64
/** Most bytes of one entry that the manifest does not name, and that is skipped. */
export const SKIPPED_ENTRY_BYTES_MAX = 1048576
/** Largest image in bytes; everything above is refused before any arithmetic on it. */
export const IMAGE_BYTES_MAX = 67108864

// ---- flash -------------------------------------------------------------------------------------

/** Times that a read is tried which the flash reports as failed. */
export const READS_MAX = 3
/** Times that a write is tried which does not read back. */
export const WRITES_MAX = 2

// ---- signatures --------------------------------------------------------------------------------

/** Key slots of a board (Mongoose OS: update.key0 – update.key7). */
export const KEYS_MAX = 8
/** Most bytes of manifest.sig: eight signatures of the default parameters, or one of any set. It is held in RAM while it is checked. */
export const SIGNATURES_BYTES_MAX = 12288

// ---- boot record -------------------------------------------------------------------------------

/** Bytes of one boot record, check included; it begins at a program unit. */
export const BOOT_RECORD_BYTES = 192
/** Boot records that each of the two erase units holds. */
export const BOOT_SLOTS = 4
/** Sequence of the first boot record of a board's life; it decreases, so erased flash is the oldest. */
export const BOOT_SEQUENCE_FIRST = 0x7ffffffe
/** Longest update id in bytes. */
export const UPDATE_ID_BYTES_MAX = 63
/** Longest token of a device, and longest product, in bytes: either travels in a header. */
export const TOKEN_BYTES_MAX = 256
/** Boots that an image gets to commit itself, unless the board's configuration says otherwise. */
export const TRIALS_DEFAULT = 3
/** Most boots that an image gets: an erase unit may hold the marks of the trial before, too. */
export const TRIALS_MAX = 4
/** Bytes of the mark of a trial, check included; it begins at a program unit. */
export const TRIAL_MARK_BYTES = 16
/** Marks of trials that each erase unit holds behind its boot records: all that the smallest one has room for. */
export const TRIAL_MARKS = 8
/** Seconds in which a new image must commit, by default and at most. */
export const COMMIT_TIMEOUT_S_DEFAULT = 300
export const COMMIT_TIMEOUT_S_MAX = 86400
/** Slots of each kind: the running one and the other one. */
export const SLOT_COUNT = 2
/** In a boot record: there is no slot to go back to. */
export const SLOT_NONE = 255
/** Bytes of the check (a SHA-256 prefix) behind boot records, journal headers and files. */
export const CHECK_BYTES = 8

// ---- journal -----------------------------------------------------------------------------------

/** Bytes of the journal's header before padding to the program unit. */
export const JOURNAL_HEADER_BYTES = 96
/** Notes on marks in doubt that the journal takes for a part; a download that needs one more starts anew. */
export const JOURNAL_NOTES_MAX = 8

// ---- files area --------------------------------------------------------------------------------

/** Longest file name in bytes. */
export const FILE_NAME_BYTES_MAX = 63
/** Largest file in bytes. */
export const FILE_BYTES_MAX = 65536
/** Most files in an area. */
export const FILES_MAX = 64
/** Alignment of records that a packer uses unless told otherwise; a board's program unit must divide it. */
export const FILE_ALIGN_BYTES_DEFAULT = 32
/** Largest alignment of records. */
export const FILE_ALIGN_BYTES_MAX = 256

// ---- agent -------------------------------------------------------------------------------------

/** Seconds between start and the first check-in (Ioto: 15). */
export const CHECKIN_FIRST_S = 15
/** Seconds between check-ins (Ioto: 24 hrs). */
export const CHECKIN_PERIOD_S_DEFAULT = 86400
/** Longest wait between check-ins: a year. */
export const CHECKIN_PERIOD_S_MAX = 31536000
/** Seconds after a failed check-in before the next; doubled each time, at most the period. */
export const CHECKIN_RETRY_S_DEFAULT = 60
/** Most seconds between the check-ins of an image that is not committed: its time is short. */
export const CHECKIN_TRIAL_RETRY_S_MAX = 10
/** Seconds after which the time of the last check-in is written down anew: flash wears. */
export const CHECKIN_SAVED_EVERY_S = 3600
/** Longest timeout and longest step of a wait in seconds: timers count milliseconds below 2^31. */
export const TIMEOUT_S_MAX = 86400
/** Boots in a row that an update may end, getting no further in any of them, before it is given up for the time being. */
export const UPDATE_RESTARTS_MAX = 10
/** Failed updates whose ids are remembered. */
export const QUARANTINE_MAX = 8
/** Milliseconds before a broken download is taken up again; doubled each time. */
export const DOWNLOAD_PAUSE_MS_FIRST = 1000
/** Seconds that a check-in or a report may take (Ioto timeouts.api). */
export const API_TIMEOUT_S_DEFAULT = 30
/** Seconds that a whole download may take (Ioto timeouts.download). */
export const DOWNLOAD_TIMEOUT_S_DEFAULT = 14400
/** Seconds without a byte after which a download counts as stalled. */
export const STALL_TIMEOUT_S_DEFAULT = 30
/** Times that one download is taken up again before the agent waits for the next period. */
export const DOWNLOAD_RETRIES_MAX = 5
/** Longest pause between two reads in ms (Ioto update.throttle). */
export const THROTTLE_MS_MAX = 5000
/** Longest answer to a check-in in bytes. */
export const ANSWER_BYTES_MAX = 4096
/** Seconds that an app may put an update off in all. */
export const APPLY_WAIT_S_MAX = 86400
/** Watchers that can be registered at a time. */
export const WATCHERS_MAX = 32
/** Signals that can wait in the queue at a time. */
export const SIGNALS_QUEUED_MAX = 32
/** Seconds without a feed after which the watchdog resets the board. */
export const WATCHDOG_TIMEOUT_S = 10
/** Milliseconds between two feeds: about a third of the timeout, so that two may come late. */
export const WATCHDOG_FEED_MS = 3000

// ---- push --------------------------------------------------------------------------------------

/** Seconds without a packet after which broker and board take each other for gone. */
export const PUSH_KEEPALIVE_S = 60
/** Seconds that a connection to the broker may take. */
export const PUSH_CONNECT_TIMEOUT_S = 30
/** Seconds before the first attempt to connect anew, and the most; doubled each time, and up to as much again by chance. */
export const PUSH_RETRY_S_FIRST = 5
export const PUSH_RETRY_S_MAX = 600
/** Seconds that a connection must have lasted for the next pause to be short again. */
export const PUSH_STEADY_S = 60
/** Seconds between two check-ins that messages cause. */
export const PUSH_CHECKIN_S = 10

// ---- serial line -------------------------------------------------------------------------------

/** Bits a second of the serial line, unless configured. */
export const SERIAL_BAUD_DEFAULT = 115200
export const SERIAL_BAUD_MIN = 300
export const SERIAL_BAUD_MAX = 4000000
/** Bytes of an image in one frame, at most. */
export const SERIAL_DATA_BYTES_MAX = 1024
/** Milliseconds without a byte after which half a frame counts as rubbish. */
export const SERIAL_FRAME_TIMEOUT_MS = 2000
/** Seconds without a frame after which an update over the line is given up. */
export const SERIAL_UPDATE_TIMEOUT_S = 60
/** Milliseconds between the last answer and the flip: what was answered must be out before the board restarts. */
export const SERIAL_APPLY_MS = 500
