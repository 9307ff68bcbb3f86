// Reads what `otary pack` is given: a folder with an app, its json5 files and the files that travel with it.

import { existsSync, lstatSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join, resolve } from "node:path"
import JSON5 from "json5"
import { z } from "zod"
import {
    FILE_BYTES_MAX,
    FILE_NAME_BYTES_MAX,
    FILES_MAX,
    IMAGE_BYTES_MAX,
    SERIAL_BAUD_MAX,
    SERIAL_BAUD_MIN,
    THROTTLE_MS_MAX,
} from "../firmware/constants"
import { durationS } from "./durations"
import { PackError } from "./errors"
import { type Target, TARGETS } from "./targets"

/** Largest json5 file in bytes. */
const CONFIG_BYTES_MAX = 65536
/** Identifiers of a pre-release, which have no leading zeros, and of build metadata (SemVer 2.0.0, items 9 and 10). */
const NUMBER = "(?:0|[1-9]\\d*)"
const PRERELEASE = `(?:${NUMBER}|\\d*[a-zA-Z-][\\da-zA-Z-]*)`
const METADATA = "[\\da-zA-Z-]+"
const dotted = (identifier: string): string => `${identifier}(?:\\.${identifier})*`
const SEMVER = new RegExp(`^${NUMBER}\\.${NUMBER}\\.${NUMBER}(?:-${dotted(PRERELEASE)})?(?:\\+${dotted(METADATA)})?$`)
/** Comparisons joined by blanks (FORMAT.md, `requires`). */
const REQUIRES = /^(<=?|>=?|=)\S+( (<=?|>=?|=)\S+)*$/
const FILE_NAME = /^[\x21-\x5b\x5d-\x7e]+$/

const text = (bytesMax: number): z.ZodString => z.string().max(bytesMax)
const isoTime = z.iso.datetime({ offset: true, error: "expected an RFC 3339 time such as 2026-01-31T12:00:00Z" })
const version = text(64).regex(SEMVER, { error: "expected a SemVer 2.0 version such as 1.2.0" })

const otarySchema = z.strictObject({
    name: text(64).regex(/^[\w.-]+$/, { error: "expected 1 to 64 letters, digits, dots, hyphens or underscores" }),
    version,
    description: text(1024).default(""),
    target: z.enum(Object.keys(TARGETS) as [keyof typeof TARGETS]).default("host"),
    platform: text(64).min(1).optional(),
    product: text(64).min(1).optional(),
    requires: text(256)
        .refine(range => REQUIRES.test(range) && range.split(" ").every(part => SEMVER.test(part.replace(/^[<>=]+/, ""))), {
            error: 'expected comparisons joined by blanks such as ">=1.0.0 <2.0.0"',
        })
        .optional(),
    security: z.int().min(0).max(2147483647).optional(),
    expires: isoTime.optional(),
    timestamp: isoTime.optional(),
    appSlotBytes: z.int().min(4096).max(IMAGE_BYTES_MAX).optional(),
    filesAreaBytes: z.int().min(4096).max(IMAGE_BYTES_MAX).optional(),
    fw: text(1024).min(1).optional(),
})

const duration = z.union([z.number(), z.string()])
/** Ioto's keys that Otary's agent reads; other keys travel along unread, so that Ioto's files can be taken as they are. */
const configSchema = z.looseObject({
    api: text(1024).optional(),
    builder: text(1024).optional(),
    first: duration.optional(),
    update: z
        .looseObject({
            enable: z.boolean().optional(),
            schedule: text(256).optional(),
            apply: text(256).optional(),
            commit: z.enum(["agent", "app"]).optional(),
            period: duration.optional(),
            jitter: duration.optional(),
            retry: duration.optional(),
            throttle: z.int().min(0).max(THROTTLE_MS_MAX).optional(),
            utcOffset: z.int().min(-720).max(840).optional(),
        })
        .optional(),
    timeouts: z.record(z.string(), duration).optional(),
    mqtt: z
        .looseObject({
            url: text(1024).optional(),
            user: text(256).optional(),
            password: text(256).optional(),
            topic: text(256).optional(),
        })
        .optional(),
    uart: z
        .looseObject({
            port: z.int().min(1).max(9).optional(),
            baud: z.int().min(SERIAL_BAUD_MIN).max(SERIAL_BAUD_MAX).optional(),
            tx: z.int().min(0).max(255).optional(),
            rx: z.int().min(0).max(255).optional(),
            path: text(256).optional(),
        })
        .optional(),
    scripts: z.looseObject({ update: text(1024).optional() }).optional(),
})
const deviceSchema = z.record(text(128), z.json())

/** otary.json5 with its defaults filled in. */
export type OtarySettings = z.infer<typeof otarySchema>

/** Everything that goes into an image. */
export interface Project {
    /** Path of app.ts or app.js. */
    readonly appPath: string
    readonly settings: OtarySettings
    /** Device properties: device.json5. */
    readonly device: Record<string, unknown>
    /** Agent configuration: config.json5 with its durations in seconds. */
    readonly config: Record<string, unknown>
    /** Files that travel in the fs part, sorted by name. */
    readonly files: Map<string, Buffer>
    /** Native firmware: the file that otary.json5's `fw` names. */
    readonly native?: Buffer | undefined
}

function issueText(file: string, issue: z.core.$ZodIssue): string {
    return `${file}: ${issue.path.length === 0 ? "" : `${issue.path.join(".")}: `}${issue.message}`
}

/** Parses one json5 file against its schema; a missing file counts as `{}`. Throws PACK_SYNTAX or PACK_CONFIG. */
function readJson5<T>(folder: string, file: string, schema: z.ZodType<T>, overrides: object = {}): T {
    const path = join(folder, file)
    let value: unknown = {}
    if (existsSync(path)) {
        if (statSync(path).size > CONFIG_BYTES_MAX) {
            throw new PackError("PACK_CONFIG", `${file}: larger than ${CONFIG_BYTES_MAX} bytes`, "keep data in files/")
        }
        try {
            value = JSON5.parse(readFileSync(path, "utf8"))
        } catch (error) {
            throw new PackError(
                "PACK_SYNTAX",
                `${file}: ${(error as Error).message}`,
                "mend the JSON5 at the place that is named",
            )
        }
    }
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value)
    const parsed = schema.safeParse(isObject ? Object.assign({}, value, overrides) : value)
    if (parsed.success) return parsed.data
    const lines = parsed.error.issues.slice(0, 5).map(issue => issueText(file, issue))
    throw new PackError("PACK_CONFIG", lines.join("\n"), `docs/cli.md lists the keys of ${file} under "pack"`)
}

type Config = z.infer<typeof configSchema>

/** Turns every duration of an agent configuration into seconds. */
function configInSeconds(config: Config): Record<string, unknown> {
    const place = (key: string): string => `config.json5: ${key}`
    const update = { ...config.update }
    for (const key of ["period", "jitter", "retry"] as const) {
        if (update[key] !== undefined) update[key] = durationS(update[key], place(`update.${key}`))
    }
    const timeouts = Object.entries(config.timeouts ?? {}).map(([key, value]) => [
        key,
        durationS(value, place(`timeouts.${key}`)),
    ])
    return {
        ...config,
        ...(config.first !== undefined && { first: durationS(config.first, place("first")) }),
        ...(config.update !== undefined && { update }),
        ...(config.timeouts !== undefined && { timeouts: Object.fromEntries(timeouts) }),
    }
}

/** Paths of all plain files below a folder, relative, with `/`. Names that start with a dot are left out. */
function listFiles(folder: string, prefix = ""): string[] {
    const names: string[] = []
    for (const entry of readdirSync(join(folder, prefix), { withFileTypes: true })) {
        if (entry.name.startsWith(".")) continue
        const name = prefix + entry.name
        if (entry.isDirectory()) names.push(...listFiles(folder, `${name}/`))
        else if (entry.isFile()) names.push(name)
        else throw new PackError("PACK_FILE_NAME", `files/${name} is a link or a device`, "put a plain file in its place")
    }
    return names
}

function checkFileName(name: string): void {
    if (FILE_NAME.test(name) && name.length <= FILE_NAME_BYTES_MAX) return
    throw new PackError(
        "PACK_FILE_NAME",
        `files/${name}: a board cannot keep a file of this name`,
        `use at most ${FILE_NAME_BYTES_MAX} visible ASCII characters, without blanks and backslashes`,
    )
}

/** Reads files/ in the order of its names. Throws PACK_FILE_NAME, PACK_FILE_SIZE or PACK_FILES_LIMIT. */
function readFiles(folder: string): Map<string, Buffer> {
    const files = new Map<string, Buffer>()
    if (!existsSync(folder)) return files
    const names = listFiles(folder).sort((a, b) => (a < b ? -1 : 1))
    if (names.length > FILES_MAX) {
        throw new PackError("PACK_FILES_LIMIT", `files/ holds ${names.length} files`, `keep at most ${FILES_MAX}`)
    }
    for (const name of names) {
        checkFileName(name)
        const sizeBytes = lstatSync(join(folder, name)).size
        if (sizeBytes > FILE_BYTES_MAX) {
            throw new PackError(
                "PACK_FILE_SIZE",
                `files/${name} has ${sizeBytes} bytes`,
                `keep a file within ${FILE_BYTES_MAX} bytes`,
            )
        }
        files.set(name, readFileSync(join(folder, name)))
    }
    return files
}

/** First byte of an application image of the ESP32 (esp_image_header_t). */
const ESP_MAGIC = 0xe9

/** Reads the native firmware that `fw` names, relative to the folder. Throws PACK_NATIVE. */
function readNative(folder: string, { fw, target }: OtarySettings): Buffer | undefined {
    if (fw === undefined) return undefined
    const refuse = (message: string, hint: string): never => {
        throw new PackError("PACK_NATIVE", `otary.json5: fw: ${message}`, hint)
    }
    const { takesNative = false }: Target = TARGETS[target]
    if (!takesNative) refuse(`boards of target ${target} cannot replace their native firmware`, "leave `fw` out")
    const path = resolve(folder, fw)
    const found = statSync(path, { throwIfNoEntry: false })
    if (found?.isFile() !== true) return refuse(`${path} is no file`, "build the firmware first, and name its application image")
    if (found.size > IMAGE_BYTES_MAX) refuse(`${path} has ${found.size} bytes`, `no image may have more than ${IMAGE_BYTES_MAX}`)
    const bytes = readFileSync(path)
    if (bytes[0] !== ESP_MAGIC) {
        refuse(
            `${path} is no application image of the ESP32`,
            "name the build's nodemcu.bin, not a flash dump or a partition table",
        )
    }
    return bytes
}

function findApp(folder: string): string {
    const path = ["app.ts", "app.js"].map(name => join(folder, name)).find(existsSync)
    if (path !== undefined) return path
    throw new PackError("PACK_APP_MISSING", `${folder} has no app.ts and no app.js`, "name the folder that holds the app")
}

/**
 * Reads a folder to pack. `overrides` take the place of keys of otary.json5.
 * Throws PackError, naming file and key, for everything that cannot become an image.
 */
export function readProject(folder: string, overrides: Partial<OtarySettings> = {}): Project {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) {
        throw new PackError("PACK_FOLDER", `${folder} is not a folder`, "name the folder that holds otary.json5 and the app")
    }
    const settings = readJson5(folder, "otary.json5", otarySchema, overrides)
    return {
        appPath: findApp(folder),
        settings,
        device: readJson5(folder, "device.json5", deviceSchema),
        config: configInSeconds(readJson5(folder, "config.json5", configSchema)),
        files: readFiles(join(folder, "files")),
        native: readNative(folder, settings),
    }
}
