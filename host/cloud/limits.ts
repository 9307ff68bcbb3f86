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
export const BATCH_ITEMS_MAX = 128
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

// Access and surfaces.

/** Most tenants that a token has a role in beside its own. */
export const GRANTS_MAX = 20
/** Wrong tokens that an address may send at once, and again in each minute. */
export const GUESSES_MAX = 10
/** Most addresses whose wrong tokens are remembered. */
export const GUESSERS_MAX = 10000
/** Check-ins that may wait in one process; more are answered 429, each with another time to come again. Reports are always taken. */
export const CHECKINS_WAITING_MAX = 2000
/** Longest time after which a device that was sent away comes again, in seconds. */
export const RETRY_AFTER_MAX_S = 60
/** Longest key of a repeated call in characters. */
export const CALL_KEY_CHARS_MAX = 128
/** Seconds for which the answer to a call with a key is kept. */
export const CALL_KEPT_S = 86400
/** Most edits with If-Match under way at a time in one process; each takes two connections. */
export const EDITS_MAX = 3
/** Most live views of events in one process. */
export const STREAMS_MAX = 100
/** Milliseconds between two looks for new events. */
export const STREAM_LOOK_MS = 500
/** Seconds without an event after which a live view gets a sign of life. */
export const STREAM_IDLE_S = 15
/** Most webhooks of a tenant. */
export const WEBHOOKS_MAX = 20
/** Longest address of a webhook in characters. */
export const WEBHOOK_URL_CHARS_MAX = 1024
/** Most types of events of a webhook. */
export const WEBHOOK_TYPES_MAX = 50
/** Most events of one delivery. */
export const DELIVERY_EVENTS_MAX = 100
/** Seconds that one delivery may take. */
export const DELIVERY_TIMEOUT_S = 10
/** Bytes of a receiver's answer that are read. */
export const DELIVERY_ANSWER_BYTES_MAX = 65536
/** Seconds before the second attempt of a delivery; each further wait is twice as long. */
export const DELIVERY_RETRY_S = 10
/** Longest wait between two attempts in seconds. */
export const DELIVERY_RETRY_MAX_S = 3600
/** Attempts in a row that may fail before a webhook is switched off: about two days. */
export const DELIVERY_ATTEMPTS_MAX = 50
/** Most device names of an import, and most bytes of its file. */
export const IMPORT_NAMES_MAX = 1_000_000
/** Most bytes of an import's file. */
export const IMPORT_BYTES_MAX = 128 * 1048576
/** Device names that are written at a time. */
export const IMPORT_STEP_NAMES = 5000
/** Imports under way at a time in one process. */
export const IMPORTS_MAX = 2
/** Seconds without progress after which an import counts as left behind by a process that was killed. */
export const IMPORT_SILENT_MAX_S = 300
/** Rows that an export reads at a time. */
export const EXPORT_STEP_ROWS = 2000

// Rollouts. Sources: Alibaba = its batch parameters; Ioto = fields of an update; Edgehog = campaign mechanism.

/** Earliest and latest start after the making of a rollout, in seconds (Alibaba: 5 min to 7 days). */
export const START_AFTER_MIN_S = 300
/** Latest start after the making of a rollout, in seconds. */
export const START_AFTER_MAX_S = 7 * 86400
/** Shortest time from start to end in seconds (Alibaba: 1 h to 30 days). */
export const WINDOW_MIN_S = 3600
/** Longest time from start to end in seconds. */
export const WINDOW_MAX_S = 30 * 86400
/** Least constant rate in devices per minute (Alibaba). */
export const RATE_CONSTANT_MIN = 10
/** Least base of a variable rate in devices per minute (Alibaba). */
export const RATE_BASE_MIN = 1
/** Most devices per minute (Alibaba). */
export const RATE_MAX = 10000
/** Least maximum of a variable rate (Alibaba). */
export const RATE_CEILING_MIN = 10
/** Least factor of a variable rate in hundredths (Alibaba: 1.20 to 5.00). */
export const RATE_FACTOR_MIN = 120
/** Greatest factor of a variable rate in hundredths. */
export const RATE_FACTOR_MAX = 500
/** Most devices after which a variable rate grows (Alibaba). */
export const RATE_AFTER_MAX = 100000
/** Seconds between automatic attempts (Alibaba: none, at once, 10 min, 30 min, 1 h, 24 h). */
export const RETRY_DELAYS_S: readonly number[] = [0, 600, 1800, 3600, 86400]
/** Automatic attempts after a failure (Alibaba: none, 1, 2 or 5). */
export const RETRY_COUNTS: readonly number[] = [0, 1, 2, 5]
/** Shortest and longest time from the first progress report, in seconds (Alibaba: 1 to 1440 min). */
export const WORK_TIMEOUT_MIN_S = 60
/** Longest time from the first progress report in seconds. */
export const WORK_TIMEOUT_MAX_S = 86400
/** The work timeout that a delay of 24 h brings with it, in seconds: Alibaba wants none to be named then, and a delay is shorter. */
export const WORK_TIMEOUT_LONG_S = 2 * 86400
/** Shortest time that an offer waits for the device in seconds (Edgehog: 30). */
export const ACK_TIMEOUT_MIN_S = 30
/** Longest time of any other state in seconds: nothing stays for ever. */
export const STATE_TIMEOUT_MAX_S = 365 * 86400
/** Most offers of one task after the first. */
export const ACK_RETRIES_MAX = 10
/** Most times that a rollout may match one device (Alibaba). */
export const MATCHES_MAX = 10
/** Most modules of a device that are updated at the same time (Alibaba). */
export const MODULES_PARALLEL_MAX = 5
/** Most modules of a product. */
export const MODULES_MAX = 10
/** Most tags of a rollout (Alibaba). */
export const TAGS_MAX = 10
/** A tag's name (Alibaba). */
export const TAG_NAME = /^[A-Za-z0-9.]{1,30}$/
/** Longest value of a tag in characters, 1 at least (Alibaba). */
export const TAG_CHARS_MAX = 1024
/** Most characters of all tags of a rollout (Alibaba). */
export const TAGS_CHARS_MAX = 4096
/** Most tags of a device. */
export const DEVICE_TAGS_MAX = 20
/** A region's, a group's or a device tag's name. */
export const LABEL = /^[A-Za-z0-9_-][A-Za-z0-9_.:-]{0,62}$/
/** Most source versions of a rollout. */
export const SOURCE_VERSIONS_MAX = 100
/** Most groups or regions of a scope or of a union. */
export const SCOPE_NAMES_MAX = 10
/** Most devices of a list that comes as CSV, and of a group. */
export const CSV_DEVICES_MAX = 1_000_000
/** Most groups of a tenant. */
export const GROUPS_MAX = 1000
/** Longest expression in characters. */
export const EXPRESSION_CHARS_MAX = 1024
/** Longest period of the limit per period in seconds. */
export const PERIOD_MAX_S = 30 * 86400
/** Most gates and most approvals of a rollout. */
export const GATES_MAX = 10
/** Most approvals of a rollout. */
export const APPROVALS_MAX = 5
/** Most rollouts of a product that are not finished. */
export const ROLLOUTS_OPEN_MAX = 200
/** Most artifacts of a release: the full image, differential ones, further files (Alibaba: 20 files). */
export const RELEASE_ARTIFACTS_MAX = 20
/** Days after which a draft, or a paused rollout, ends by itself. */
export const ROLLOUT_IDLE_MAX_S = 30 * 86400
/** Devices that one step of a snapshot looks at. */
export const SNAPSHOT_STEP_DEVICES = 2000
/** Tasks that one step of the scheduler hands out or times out. */
export const STEP_TASKS = 1000
/** Milliseconds between the ticks of a scheduler. */
export const TICK_MS = 1000
/** Milliseconds to the next tick after one that handed tasks out: a rate of 10,000 a minute is 33 devices in this time. */
export const TICK_BUSY_MS = 200
/** Example devices of each reason in a preview. */
export const PREVIEW_EXAMPLES = 20
/** Percent of a product's devices that may be reached at once without a second confirmation. */
export const SHARE_UNCONFIRMED_MAX_PERCENT = 50
/** Devices that are looked at to say which share of a product an expression means. */
export const SHARE_SAMPLE_DEVICES = 2000
/** Milliseconds that one tick may take steps beyond the first of each rollout. */
export const TICK_BUDGET_MS = 800

/** Most messages to devices that wait for the MQTT broker; what is more is dropped. */
export const PUSH_QUEUE_MAX = 100_000
/** Messages that are on their way to the broker at a time. */
export const PUSH_IN_FLIGHT_MAX = 100
/** Seconds between two attempts to reach the broker. */
export const PUSH_RECONNECT_S = 5
