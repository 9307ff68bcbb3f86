// Status codes of the device: small stable integers, 0 ok, negative errors; each has an entry in docs/errors.md.

/** Done, or nothing to complain about. */
export const STATUS_OK = 0
/** updaterProcess: the image is complete and every block verified. */
export const STATUS_DONE = 1

// ---- state: the call came at the wrong time ----
/** An update, or its apply, is under way. */
export const STATUS_BUSY = -1
/** The running image is not committed yet. */
export const STATUS_NOT_COMMITTED = -2
/** No update is under way. */
export const STATUS_NO_UPDATE = -3
/** There is nothing to go back to. */
export const STATUS_NO_REVERT = -4
/** A parameter is out of its range. */
export const STATUS_ARGUMENT = -5
/** `sig_req_mask` is 0: this board takes no update. */
export const STATUS_UPDATES_LOCKED = -6

// ---- zip ----
/** The data is not a zip file, or a header is damaged. */
export const STATUS_ZIP_FORMAT = -10
/** An entry is compressed. */
export const STATUS_ZIP_COMPRESSED = -11
/** An entry is encrypted, or its sizes come behind it in a data descriptor. */
export const STATUS_ZIP_FLAGS = -12
/** An entry's name is empty or too long. */
export const STATUS_ZIP_NAME = -13
/** Too many entries, or an entry larger than its limit. */
export const STATUS_ZIP_LIMIT = -14
/** The bytes of an entry do not have its CRC-32. */
export const STATUS_ZIP_CRC = -15
/** The data ended before the image did. */
export const STATUS_TRUNCATED = -16
/** Data follows the end of the image. */
export const STATUS_TRAILING_DATA = -17

// ---- signatures ----
/** No signature is there that this board asks for. */
export const STATUS_SIGNATURE_MISSING = -18
/** A signature is damaged, or not made for this manifest by the key that it names. */
export const STATUS_SIGNATURE_INVALID = -19

// ---- manifest ----
/** manifest.json is not the first entry. */
export const STATUS_MANIFEST_ORDER = -20
/** manifest.json is too long. */
export const STATUS_MANIFEST_SIZE = -21
/** manifest.json is not JSON. */
export const STATUS_MANIFEST_JSON = -22
/** A field is missing or has the wrong type or value. */
export const STATUS_MANIFEST_FIELD = -23
/** The image is for another platform. */
export const STATUS_PLATFORM = -24
/** The image may not replace the running version (`requires`). */
export const STATUS_REQUIRES = -25
/** No part of the image is of use to this board. */
export const STATUS_NO_PARTS = -26
/** The image is for another product. */
export const STATUS_PRODUCT = -27
/** The security counter is lower than the board's. */
export const STATUS_SECURITY = -28
/** The manifest has expired. */
export const STATUS_EXPIRED = -29

// ---- parts ----
/** A part does not fit its slot, or the journal cannot hold its block list. */
export const STATUS_NO_ROOM = -30
/** A part's entry has another size than the manifest says. */
export const STATUS_PART_SIZE = -31
/** A block list has the wrong size or place. */
export const STATUS_BLOCK_LIST = -32
/** A page of a block list does not have its SHA-256. */
export const STATUS_PAGE_HASH = -33
/** A block does not have its SHA-256. */
export const STATUS_BLOCK_HASH = -34
/** A part as a whole does not have its hash. */
export const STATUS_PART_HASH = -35
/** A part of the manifest is not in the image. */
export const STATUS_PART_MISSING = -36
/** The same part comes twice. */
export const STATUS_PART_TWICE = -37
/** The fs part is not a files area, or its alignment does not suit the board. */
export const STATUS_FILES_FORMAT = -38
/** The image brings native firmware, and this board cannot take any. */
export const STATUS_PART_UNSUPPORTED = -39

// ---- flash and boot ----
/** Flash could not be read, erased or programmed, or reads back otherwise. */
export const STATUS_FLASH = -40
/** No boot record is readable. */
export const STATUS_NO_BOOT_RECORD = -41
/** The image was given its trials and did not commit. */
export const STATUS_ROLLED_BACK = -42
/** The commit timeout ran out. */
export const STATUS_COMMIT_TIMEOUT = -43
/** The slot's content does not have the digest of its boot record. */
export const STATUS_SLOT_DAMAGED = -44
/** The app or an operator asked to go back. */
export const STATUS_REVERTED = -45
/** The platform refuses the native firmware, or cannot try it and go back. */
export const STATUS_NATIVE = -46

// ---- files ----
/** No such file. */
export const STATUS_FILE_NOT_FOUND = -50
/** The files area is full. */
export const STATUS_FILES_FULL = -51
/** A file's name is empty, too long, or has a byte that is not allowed. */
export const STATUS_FILE_NAME = -52
/** A file is too large. */
export const STATUS_FILE_SIZE = -53

// ---- network ----
/** No connection, or it broke. */
export const STATUS_NET = -60
/** No answer in time. */
export const STATUS_TIMEOUT = -61
/** The download stalled. */
export const STATUS_STALLED = -62
/** The server answered with another status code than the agent can use. */
export const STATUS_HTTP_STATUS = -63
/** The server redirects; the agent does not follow. */
export const STATUS_HTTP_REDIRECT = -64
/** The answer to a check-in cannot be used. */
export const STATUS_ANSWER = -65
/** The server's range or length contradicts the request. */
export const STATUS_HTTP_RANGE = -66
/** The cloud does not know the device, or its token. */
export const STATUS_UNAUTHORIZED = -67
/** Memory ran out while a piece of the image was taken. */
export const STATUS_MEMORY = -68
/** The board restarted within the update, again and again, and came no further. */
export const STATUS_RESTARTED = -69

// ---- deltas ----
/** The delta was made from another app than the one that runs. */
export const STATUS_DELTA_BASE = -80
/** A number of a delta has more bytes than it needs, or than any size or offset takes. */
export const STATUS_DELTA_NUMBER = -81
/** An instruction of a delta makes nothing, or more than its block lacks. */
export const STATUS_DELTA_LENGTH = -82
/** An instruction of a delta copies from outside the app that it was made from. */
export const STATUS_DELTA_COPY = -83
/** A block of a delta has too many instructions. */
export const STATUS_DELTA_STEPS = -84
/** A block of a delta ends at another byte than its block list says, or is missing. */
export const STATUS_DELTA_END = -85

// ---- agent ----
/** The app refused the update. */
export const STATUS_SKIPPED_BY_APP = -70
/** scripts/update failed. */
export const STATUS_SCRIPT = -71
/** The update failed on this board before. */
export const STATUS_QUARANTINED = -72
