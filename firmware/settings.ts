// The agent's configuration and the device's properties: what the image brought, and what files on the board say instead.

import { isVisibleText } from "./bytes"
import { fileRead } from "./files"
import {
    API_TIMEOUT_S_DEFAULT,
    CHECKIN_FIRST_S,
    CHECKIN_PERIOD_S_DEFAULT,
    CHECKIN_PERIOD_S_MAX,
    CHECKIN_RETRY_S_DEFAULT,
    COMMIT_TIMEOUT_S_MAX,
    DOWNLOAD_TIMEOUT_S_DEFAULT,
    STALL_TIMEOUT_S_DEFAULT,
    THROTTLE_MS_MAX,
    TIMEOUT_S_MAX,
    TOKEN_BYTES_MAX,
} from "./constants"
import { ports } from "./ports"
import { scheduleValid } from "./schedule"

/** Named values out of JSON, types unchecked. */
export interface Properties {
    [name: string]: unknown
}

/** The configuration in use; docs/configuration.md says where each value comes from. Every value is checked. */
export interface Settings {
    /** Base URL of the device cloud, without a slash at the end; "" when only registration can name it. */
    api: string
    /** Base URL where the device registers; `api` unless configured. */
    builder: string
    /** The device's token; "" when only registration can give it. */
    token: string
    /** Whether the agent checks in at all. */
    isEnabled: boolean
    /** When it may check in (schedule.ts). */
    schedule: string
    /** When a verified update may be applied (schedule.ts). */
    apply: string
    /** Whether the app commits a new image itself; otherwise the agent does, after its first check-in. */
    isCommittedByApp: boolean
    /** Seconds between check-ins. */
    periodS: number
    /** Most seconds that chance adds to a wait. */
    jitterS: number
    /** Seconds after a failed check-in; doubled each time, at most the period. */
    retryS: number
    /** Seconds from the start to the first check-in. */
    firstS: number
    /** Milliseconds between two pieces of a download. */
    throttleMs: number
    /** Minutes that local time, which schedules count in, is ahead of UTC. */
    utcOffsetMin: number
    /** Seconds that a call to the cloud may take. */
    apiTimeoutS: number
    /** Seconds that a download may take in all. */
    downloadTimeoutS: number
    /** Seconds without a byte after which a download counts as stalled. */
    stallTimeoutS: number
    /** Seconds in which a new image must commit; 0 = the firmware's default. */
    commitTimeoutS: number
}

/** File on the board that overrides the image's configuration, key by key. */
export const CONFIG_FILE = "config.json"
/** File on the board that overrides and adds device properties, key by key. */
export const DEVICE_FILE = "device.json"

let fileConfig: Properties = {}
let imageConfig: Properties = {}
let device: Properties = {}
let current: Settings

/** `value` as named values; none when it is something else. */
export function propertiesOf(value: unknown): Properties {
    if (typeof value === "object" && value !== null) return value as Properties
    return {}
}

/** A text among named values; "" when there is none of that name. */
export function textIn(properties: Properties, name: string): string {
    const value = properties[name]
    return typeof value === "string" ? value : ""
}

/** The JSON object in a file; none, with a line on the log, when the file holds anything else. */
function fileProperties(name: string): Properties {
    const text = fileRead(name)
    if (text === undefined) return {}
    const value = ports.json.parse(text)
    if (typeof value !== "object" || value === null) ports.board.log("settings: " + name + " is not a JSON object; ignored")
    return propertiesOf(value)
}

/** A value among named ones, of `section.key` or of `key` alone. */
function valueIn(config: Properties, name: string): unknown {
    const dot = name.indexOf(".")
    if (dot < 0) return config[name]
    return propertiesOf(config[name.substring(0, dot)])[name.substring(dot + 1)]
}

/** Whether a value can be used. */
export type IsGood = (this: void, value: unknown) => boolean

function isWithin(value: unknown, low: number, high: number): boolean {
    return typeof value === "number" && value % 1 === 0 && value >= low && value <= high
}

/**
 * The first good value of `name`: the file's, the image's, or `otherwise`. Without `isGood` it must be a whole number from `low` to `high`;
 * otherwise `wanted` says what it must be.
 */
export function settingOf(
    name: string,
    otherwise: unknown,
    low: number,
    high: number,
    isGood?: IsGood,
    wanted?: string,
): unknown {
    const values = [valueIn(fileConfig, name), valueIn(imageConfig, name)]
    for (let index = 0; index < 2; index += 1) {
        const value = values[index]
        if (isGood === undefined ? isWithin(value, low, high) : isGood(value)) return value
        if (value !== undefined && value !== null) {
            const what = wanted === undefined ? "a whole number from " + low + " to " + high : wanted
            ports.board.log("settings: " + name + " must be " + what + "; ignored")
        }
    }
    return otherwise
}

function flagIsGood(value: unknown): boolean {
    return typeof value === "boolean"
}

/** Whether `url` can be a base URL of a cloud, and fits a request. */
export function urlIsGood(url: unknown): boolean {
    if (!isVisibleText(url, 1024)) return false
    const text = url as string
    return (text.substring(0, 7) === "http://" && text.length > 7) || (text.substring(0, 8) === "https://" && text.length > 8)
}

/** Whether `token` can travel in a header: 1–256 visible ASCII characters. */
export function tokenIsGood(token: unknown): boolean {
    return isVisibleText(token, TOKEN_BYTES_MAX)
}

function committerIsGood(name: unknown): boolean {
    return name === "agent" || name === "app"
}

function scheduleIsGood(spec: unknown): boolean {
    return typeof spec === "string" && scheduleValid(spec)
}

/** `url` without a slash at its end. */
export function urlTrimmed(url: string): string {
    if (url.length === 0 || url.charCodeAt(url.length - 1) !== 47) return url
    return url.substring(0, url.length - 1)
}

function urlOf(key: string): string {
    return urlTrimmed(settingOf(key, "", 0, 0, urlIsGood, "an http or https URL") as string)
}

function scheduleOf(key: string): string {
    return settingOf("update." + key, "anytime", 0, 0, scheduleIsGood, 'a schedule such as "* 0-5 * * *" or midnight') as string
}

function settingsRead(): Settings {
    const api = urlOf("api")
    const builder = urlOf("builder")
    return {
        api,
        builder: builder === "" ? api : builder,
        token: settingOf("token", "", 0, 0, tokenIsGood, "1 to 256 visible ASCII characters") as string,
        isEnabled:
            (settingOf("update.enable", true, 0, 0, flagIsGood, "true or false") as boolean) && (api !== "" || builder !== ""),
        schedule: scheduleOf("schedule"),
        apply: scheduleOf("apply"),
        isCommittedByApp: settingOf("update.commit", "agent", 0, 0, committerIsGood, "agent or app") === "app",
        periodS: settingOf("update.period", CHECKIN_PERIOD_S_DEFAULT, 1, CHECKIN_PERIOD_S_MAX) as number,
        jitterS: settingOf("update.jitter", 0, 0, CHECKIN_PERIOD_S_MAX) as number,
        retryS: settingOf("update.retry", CHECKIN_RETRY_S_DEFAULT, 1, CHECKIN_PERIOD_S_MAX) as number,
        firstS: settingOf("first", CHECKIN_FIRST_S, 0, TIMEOUT_S_MAX) as number,
        throttleMs: settingOf("update.throttle", 0, 0, THROTTLE_MS_MAX) as number,
        utcOffsetMin: settingOf("update.utcOffset", 0, -720, 840) as number,
        apiTimeoutS: settingOf("timeouts.api", API_TIMEOUT_S_DEFAULT, 1, TIMEOUT_S_MAX) as number,
        downloadTimeoutS: settingOf("timeouts.download", DOWNLOAD_TIMEOUT_S_DEFAULT, 1, TIMEOUT_S_MAX) as number,
        stallTimeoutS: settingOf("timeouts.stall", STALL_TIMEOUT_S_DEFAULT, 1, TIMEOUT_S_MAX) as number,
        commitTimeoutS: settingOf("timeouts.commit", 0, 1, COMMIT_TIMEOUT_S_MAX) as number,
    }
}

/**
 * Reads configuration and device properties: for each key the file on the board counts first, then what the image brought,
 * then the default. A value of the wrong type or range counts as absent and gets a line on the log.
 */
export function settingsLoad(configOfImage: unknown, deviceOfImage: unknown): void {
    fileConfig = fileProperties(CONFIG_FILE)
    imageConfig = propertiesOf(configOfImage)
    device = {}
    const fromImage = propertiesOf(deviceOfImage)
    for (const key in fromImage) device[key] = fromImage[key]
    const fromFile = fileProperties(DEVICE_FILE)
    for (const key in fromFile) device[key] = fromFile[key]
    current = settingsRead()
}

/** The configuration in use. */
export function settings(): Settings {
    return current
}

/** The device's properties: `id`, `product`, and whatever else device.json5 names. Not to be changed. */
export function deviceProperties(): Properties {
    return device
}
