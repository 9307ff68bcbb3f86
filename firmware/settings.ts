// The agent's configuration and the device's properties: what the image brought, and what files on the board say instead.

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

function valueIn(config: Properties, section: string, key: string): unknown {
    if (section === "") return config[key]
    return propertiesOf(config[section])[key]
}

function complain(section: string, key: string, wanted: string): void {
    const name = section === "" ? key : section + "." + key
    ports.board.log("settings: " + name + " must be " + wanted + "; ignored")
}

/** A whole number of the configuration from `low` to `high`; as textOf. */
export function numberOf(section: string, key: string, low: number, high: number, otherwise: number): number {
    const values = [valueIn(fileConfig, section, key), valueIn(imageConfig, section, key)]
    for (let index = 0; index < 2; index += 1) {
        const value = values[index]
        if (typeof value === "number" && value % 1 === 0 && value >= low && value <= high) return value
        if (value !== undefined && value !== null) complain(section, key, "a whole number from " + low + " to " + high)
    }
    return otherwise
}

/**
 * A text of the configuration, checked by `isGood`, which `wanted` puts into words: the file on the board counts first, then the image;
 * `otherwise` where neither has one that is good, with a line on the log.
 */
export function textOf(
    section: string,
    key: string,
    otherwise: string,
    isGood: (this: void, text: string) => boolean,
    wanted: string,
): string {
    const values = [valueIn(fileConfig, section, key), valueIn(imageConfig, section, key)]
    for (let index = 0; index < 2; index += 1) {
        const value = values[index]
        if (typeof value === "string" && isGood(value)) return value
        if (value !== undefined && value !== null) complain(section, key, wanted)
    }
    return otherwise
}

function flagOf(section: string, key: string, otherwise: boolean): boolean {
    const values = [valueIn(fileConfig, section, key), valueIn(imageConfig, section, key)]
    for (let index = 0; index < 2; index += 1) {
        const value = values[index]
        if (typeof value === "boolean") return value
        if (value !== undefined && value !== null) complain(section, key, "true or false")
    }
    return otherwise
}

/** Whether `url` can be a base URL of a cloud, and fits a request. */
export function urlIsGood(url: string): boolean {
    if (url.length > 1024) return false
    for (let index = 0; index < url.length; index += 1) {
        const code = url.charCodeAt(index)
        if (code <= 32 || code >= 127) return false
    }
    return (url.substring(0, 7) === "http://" && url.length > 7) || (url.substring(0, 8) === "https://" && url.length > 8)
}

/** Whether `token` can travel in a header: 1–256 visible ASCII characters. */
export function tokenIsGood(token: string): boolean {
    for (let index = 0; index < token.length; index += 1) {
        const code = token.charCodeAt(index)
        if (code <= 32 || code >= 127) return false
    }
    return token.length > 0 && token.length <= 256
}

function committerIsGood(name: string): boolean {
    return name === "agent" || name === "app"
}

/** `url` without a slash at its end. */
export function urlTrimmed(url: string): string {
    if (url.length === 0 || url.charCodeAt(url.length - 1) !== 47) return url
    return url.substring(0, url.length - 1)
}

function urlOf(key: string): string {
    return urlTrimmed(textOf("", key, "", urlIsGood, "an http or https URL"))
}

function scheduleOf(key: string): string {
    return textOf("update", key, "anytime", scheduleValid, 'a schedule such as "* 0-5 * * *" or midnight')
}

function settingsRead(): Settings {
    const api = urlOf("api")
    const builder = urlOf("builder")
    return {
        api,
        builder: builder === "" ? api : builder,
        token: textOf("", "token", "", tokenIsGood, "1 to 256 visible ASCII characters"),
        isEnabled: flagOf("update", "enable", true) && (api !== "" || builder !== ""),
        schedule: scheduleOf("schedule"),
        apply: scheduleOf("apply"),
        isCommittedByApp: textOf("update", "commit", "agent", committerIsGood, "agent or app") === "app",
        periodS: numberOf("update", "period", 1, CHECKIN_PERIOD_S_MAX, CHECKIN_PERIOD_S_DEFAULT),
        jitterS: numberOf("update", "jitter", 0, CHECKIN_PERIOD_S_MAX, 0),
        retryS: numberOf("update", "retry", 1, CHECKIN_PERIOD_S_MAX, CHECKIN_RETRY_S_DEFAULT),
        firstS: numberOf("", "first", 0, TIMEOUT_S_MAX, CHECKIN_FIRST_S),
        throttleMs: numberOf("update", "throttle", 0, THROTTLE_MS_MAX, 0),
        utcOffsetMin: numberOf("update", "utcOffset", -720, 840, 0),
        apiTimeoutS: numberOf("timeouts", "api", 1, TIMEOUT_S_MAX, API_TIMEOUT_S_DEFAULT),
        downloadTimeoutS: numberOf("timeouts", "download", 1, TIMEOUT_S_MAX, DOWNLOAD_TIMEOUT_S_DEFAULT),
        stallTimeoutS: numberOf("timeouts", "stall", 1, TIMEOUT_S_MAX, STALL_TIMEOUT_S_DEFAULT),
        commitTimeoutS: numberOf("timeouts", "commit", 1, COMMIT_TIMEOUT_S_MAX, 0),
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
