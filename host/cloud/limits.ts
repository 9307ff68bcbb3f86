// Every size, count and time limit of the device cloud, in one place.

import { IMAGE_BYTES_MAX, UPDATE_ID_BYTES_MAX } from "../../firmware/constants"

/** Longest id of a device, product or cloud in characters. */
export const ID_CHARS_MAX = 63
/** Longest name, and longest reason of a task, in characters. */
export const NAME_CHARS_MAX = 128
/** Longest description or commit reference in characters. */
export const TEXT_CHARS_MAX = 1024
/** Longest version in characters. */
export const VERSION_CHARS_MAX = 64
/** Longest message of a device's report in characters; what is longer is cut. */
export const MESSAGE_CHARS_MAX = 256
/** Longest id of an update on the wire in bytes; a task's id is shorter. */
export const UPDATE_BYTES_MAX = UPDATE_ID_BYTES_MAX
/** Largest body of a device's request in bytes. */
export const DEVICE_BODY_BYTES_MAX = 65536
/** Largest JSON body of an API call in bytes. */
export const API_BODY_BYTES_MAX = 1048576
/** Largest artifact in bytes; the device refuses larger images. */
export const ARTIFACT_BYTES_MAX = IMAGE_BYTES_MAX
/** Most attributes of a device. */
export const ATTRIBUTES_MAX = 100
/** Longest name and longest text value of an attribute in characters. */
export const ATTRIBUTE_NAME_CHARS_MAX = 64
/** Longest text value of an attribute in characters. */
export const ATTRIBUTE_CHARS_MAX = 1024
/** Deepest nesting of an attribute's value. */
export const ATTRIBUTE_DEPTH_MAX = 4
/** Most device ids that a rollout's scope may list. */
export const SCOPE_DEVICES_MAX = 10000
/** Most releases of a product that may be enabled at a time. */
export const RELEASES_ENABLED_MAX = 200
/** Most rollouts that one explanation looks at, newest first. */
export const EXPLAIN_ROLLOUTS_MAX = 200
/** Attempts of one task that may end in a passing failure (network, busy) before it counts as failed. */
export const ATTEMPTS_MAX = 10
/** Items of a page unless the caller says otherwise, and at most. */
export const PAGE_ITEMS_DEFAULT = 100
/** Most items of a page. */
export const PAGE_ITEMS_MAX = 500
/** Seconds for which an image's address is good. */
export const IMAGE_URL_LIFE_S = 86400
/** Most check-ins that share one transaction. */
export const BATCH_ITEMS_MAX = 32
/** Milliseconds that a check-in waits for others to share its transaction. */
export const BATCH_WAIT_MS = 2
/** Most batches that are under way at a time in one process. */
export const BATCHES_MAX = 4
/** Most check-ins that wait in one process; more are answered 503. */
export const BATCH_QUEUE_MAX = 10000
/** Most connections of one process to the database. */
export const DATABASE_CONNECTIONS_MAX = 10
/** Seconds that one statement may take. */
export const STATEMENT_TIMEOUT_S = 30
/** Seconds after which a device or a client may ask again when the database is away. */
export const RETRY_AFTER_S = 5
/** Seconds in which requests may end when the cloud closes. */
export const CLOSE_TIMEOUT_S = 5
