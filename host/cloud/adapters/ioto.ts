// The Ioto protocol: registration, check-in and report, byte for byte as Ioto agents and Embedthis Updaters speak it.

import type { IncomingMessage, ServerResponse } from "node:http"
import { checkAttributes } from "../attributes"
import { createGuesses, type Guesses } from "../auth"
import type { ClientAddress } from "../client-address"
import { imageName, signImagePath } from "../artifacts/url"
import { nowS, type Context } from "../context"
import { tokenHash } from "../ids"
import { DEVICE_BODY_BYTES_MAX, ID_CHARS_MAX, MESSAGE_CHARS_MAX, UPDATE_BYTES_MAX, VERSION_CHARS_MAX } from "../limits"
import { LABEL, RETRY_AFTER_MAX_S, RETRY_AFTER_S } from "../limits"
import { MODULE_DEFAULT } from "../domain/types"
import { Problem } from "../problems"
import type { Checkin } from "../services/checkin"
import { checkDeviceId } from "../services/device-access"
import { register } from "../services/registration"
import { report } from "../services/report"
import { baseUrl, readObject, requestToken, sendError, sendJson, sendText, type Adapter } from "./http"

type Body = Record<string, unknown>
type Handler = (request: IncomingMessage, response: ServerResponse, body: Body) => Promise<void>

/** Answers whose exact text makes an Ioto agent throw its registration away and register anew; sent only where that is right. */
const FORGET_TEXT: Record<string, string> = {
    device_unknown: "Cannot find device",
    device_unregistered: "Authentication failed",
}
const STATUS_MIN = -32768
const STATUS_MAX = 32767

function invalid(path: string, message: string): Problem {
    return new Problem("field_invalid", `The field ${path} is missing or wrong: ${message}.`, [{ path, message }])
}

/** A version of a body; "" when it holds none. */
function versionOf(body: Body): string {
    const version = body["version"] ?? ""
    if (typeof version === "string" && version.length <= VERSION_CHARS_MAX && /^[\x21-\x7e]*$/.test(version)) return version
    throw invalid("version", `at most ${VERSION_CHARS_MAX} printable characters without blanks`)
}

/** A flag: the Updater's shell client sends it as a string. */
function flagOf(body: Body, name: string): boolean {
    const value = body[name]
    if (value === true || value === "true") return true
    if (value === false || value === "false") return false
    throw invalid(name, "true or false")
}

function updateOf(body: Body): string {
    const update = body["update"]
    if (typeof update === "string" && /^[\x21-\x7e]+$/.test(update) && update.length <= UPDATE_BYTES_MAX) return update
    throw invalid("update", "the update of a check-in's answer")
}

function statusOf(body: Body): number | null {
    if (body["status"] === undefined || body["status"] === null) return null
    const status = Number(body["status"])
    if (Number.isInteger(status) && status >= STATUS_MIN && status <= STATUS_MAX) return status
    throw invalid("status", "an integer")
}

/** Control characters would garble logs and terminals; what is too long is cut. */
function messageOf(body: Body): string {
    const message = body["message"]
    return typeof message === "string" ? message.replace(/[\p{Cc}\p{Cs}]/gu, " ").slice(0, MESSAGE_CHARS_MAX) : ""
}

function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === "object" && value !== null && !Array.isArray(value)
}

/** Versions of further modules, Otary's extension: `"versions":{"mcu":"1.0.0"}`. Anything but an object is a property like any other. */
function versionsOf({ versions }: Body): Record<string, string> | undefined {
    if (!isObject(versions)) return undefined
    for (const [name, version] of Object.entries(versions)) {
        if (!LABEL.test(name)) throw invalid("versions", "names of modules: letters, digits and _ - . :")
        versionOf({ version })
        if (typeof version !== "string" || version === "") throw invalid(`versions.${name}`, "the version of the module")
    }
    return versions as Record<string, string>
}

/** The reported state, Otary's extension: `"reported":{"led":true}`, null removes a name. */
function reportedOf({ reported }: Body): ReturnType<typeof checkAttributes> | undefined {
    return isObject(reported) ? checkAttributes(reported) : undefined
}

/** Slot digest of the app that runs, Otary's extension: `"base":"…"`, 64 hex digits. Anything else is a property like any other. */
function baseOf({ base }: Body): string | undefined {
    return typeof base === "string" && /^[0-9a-f]{64}$/.test(base) ? base : undefined
}

/** Everything that a body says of the device, without what the protocol itself uses. */
function attributesOf({ id, version, product, committed, created, ...rest }: Body): ReturnType<typeof checkAttributes> {
    const isUsed = (name: string, value: unknown): boolean =>
        ((name === "versions" || name === "reported") && isObject(value)) || (name === "base" && baseOf(rest) !== undefined)
    const own = Object.entries(rest).filter(([name, value]) => !isUsed(name, value))
    return checkAttributes(Object.fromEntries(own))
}

function checkinHandler(context: Context, checkin: Checkin): Handler {
    return async (request, response, body) => {
        const offer = await checkin({
            id: checkDeviceId(body["id"]),
            tokenHash: tokenHash(requestToken(request)),
            attributes: attributesOf(body),
            version: versionOf(body),
            base: baseOf(body),
            versions: versionsOf(body),
            reported: reportedOf(body),
            committed: body["committed"] === undefined || flagOf(body, "committed"),
        })
        if (offer === null) return sendJson(response, 200, {})
        const { sha256: checksum, version, update, module, tags } = offer
        const name = imageName(offer.name, version)
        const urlOf = (sha256: string): string =>
            baseUrl(context, request) + signImagePath(context.urlSecret, { sha256, name }, nowS(context))
        const url = urlOf(checksum)
        const full = offer.full !== undefined && { full: { url: urlOf(offer.full), checksum: offer.full } }
        const more = { ...full, ...(module !== MODULE_DEFAULT && { module }), ...(Object.keys(tags).length > 0 && { tags }) }
        sendJson(response, 200, { url, checksum, version, update, ...more })
    }
}

function reportHandler(context: Context): Handler {
    return async (request, response, body) => {
        await report(context, {
            id: checkDeviceId(body["id"]),
            tokenHash: tokenHash(requestToken(request)),
            success: flagOf(body, "success"),
            update: updateOf(body),
            status: statusOf(body),
            message: messageOf(body),
            version: versionOf(body),
            versions: versionsOf(body),
        })
        sendJson(response, 200, {})
    }
}

function registerHandler(context: Context): Handler {
    return async (request, response, body) => {
        const given = body["id"] ?? ""
        const done = await register(context, {
            credential: requestToken(request),
            id: given === "" ? "" : checkDeviceId(given),
            attributes: attributesOf(body),
            version: versionOf(body),
            versions: versionsOf(body),
        })
        if (done.token === null) return sendJson(response, 200, { registered: true })
        const api = baseUrl(context, request)
        const { id, token, cloud } = done
        sendJson(response, 200, {
            registered: true,
            id,
            api,
            token,
            cloudType: "dedicated",
            cloudName: cloud,
            cloudRegion: "local",
        })
    }
}

function sendRefusal(context: Context, request: IncomingMessage, response: ServerResponse, error: unknown): void {
    const text = error instanceof Problem ? FORGET_TEXT[error.code] : undefined
    if (text === undefined) sendError(context, request, response, error)
    else sendText(response, (error as Problem).status, "text/plain", text)
}

/** Sends more away than `waitingMax`, each to another time, so that they do not come back all at once. */
function bounded(handler: Handler, waitingMax: number): Handler {
    let waiting = 0
    return async (request, response, body) => {
        if (waiting >= waitingMax) {
            const waitS = Math.ceil(RETRY_AFTER_S + Math.random() * (RETRY_AFTER_MAX_S - RETRY_AFTER_S))
            throw new Problem("rate_limited", `Too many check-ins wait. Try again in ${waitS} s.`, undefined, waitS)
        }
        waiting += 1
        try {
            await handler(request, response, body)
        } finally {
            waiting -= 1
        }
    }
}

/** Codes that say: this token was a guess. */
const GUESSES: ReadonlySet<string> = new Set(["device_token_wrong", "device_mismatch", "unauthorized"])

/** Slows down who guesses tokens of one device, or of products. Other devices behind the same address are left alone. */
function guarded(handler: Handler, guesses: Guesses, addressOf: ClientAddress): Handler {
    return async (request, response, body) => {
        const id = typeof body["id"] === "string" ? body["id"].slice(0, ID_CHARS_MAX) : ""
        const sender = `${addressOf(request)} ${id}`
        guesses.check(sender)
        try {
            await handler(request, response, body)
        } catch (error) {
            if (error instanceof Problem && GUESSES.has(error.code)) guesses.miss(sender)
            throw error
        }
    }
}

/** The adapter of the Ioto protocol. `waitingMax`: check-ins that may wait; reports are always taken. */
export function iotoAdapter(context: Context, checkin: Checkin, waitingMax: number, addressOf: ClientAddress): Adapter {
    const guesses = createGuesses(context.nowMs)
    const handlers = new Map<string, Handler>([
        ["/tok/provision/update", guarded(bounded(checkinHandler(context, checkin), waitingMax), guesses, addressOf)],
        ["/tok/provision/updateReport", guarded(reportHandler(context), guesses, addressOf)],
        ["/device/register", guarded(registerHandler(context), guesses, addressOf)],
    ])
    return async (request, response, url) => {
        const handler = handlers.get(url.pathname)
        if (handler === undefined) return false
        try {
            if (request.method !== "POST") throw new Problem("method_not_allowed", "This path takes POST.")
            await handler(request, response, await readObject(request, DEVICE_BODY_BYTES_MAX))
        } catch (error) {
            sendRefusal(context, request, response, error)
        }
        return true
    }
}
