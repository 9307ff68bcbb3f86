// Registration and check-in, on the wire of Embedthis Ioto: what the device says of itself, and what the cloud offers.

import { state, stateSave } from "./agent-state"
import { apiPost, httpStatus } from "./api-call"
import { bootRecordRead } from "./boot-record"
import { isVisibleText } from "./bytes"
import { AGENT_VERSION, DIGEST_BYTES, TOKEN_BYTES_MAX, UPDATE_ID_BYTES_MAX } from "./constants"
import { hexOf, isHexOf } from "./hex"
import { ports } from "./ports"
import { runningImage } from "./running"
import { deviceProperties, propertiesOf, settings, textIn, urlIsGood, urlTrimmed, type Properties } from "./settings"
import { STATUS_ANSWER, STATUS_ARGUMENT, STATUS_DONE, STATUS_OK, STATUS_UNAUTHORIZED } from "./status"
import { versionValid } from "./version"

/** An update that the cloud offers. */
export interface Offer {
    /** Where the image is. */
    url: string
    /** SHA-256 of the image in lower-case hex; "" when the cloud names none. */
    checksum: string
    /** Its version; "" when the cloud names none. */
    version: string
    /** The cloud's id of the update; "" when there is no offer. */
    update: string
    /** Where the image is a delta: the full image and its SHA-256, should the delta not do; "" without one. */
    fullUrl: string
    fullChecksum: string
}

/** Hears how registration or check-in ended. */
export type CheckinDone = (this: void, status: number) => void

let checkinDone: CheckinDone
let offer: Offer

/** No offer yet. */
function offerNone(): Offer {
    return { url: "", checksum: "", version: "", update: "", fullUrl: "", fullChecksum: "" }
}

/** Base URL of the device cloud: what registration named, else what is configured. */
export function cloudUrl(): string {
    return state().api !== "" ? state().api : settings().api
}

/** The device's token: what registration gave, else what is configured; "" while there is none. */
export function cloudToken(): string {
    return state().token !== "" ? state().token : settings().token
}

/** The device's id: its own property, else what registration gave. */
export function deviceId(): string {
    const id = textIn(deviceProperties(), "id")
    return id !== "" ? id : state().id
}

/** All device properties, and the versions of image and agent. */
function deviceBody(): Properties {
    const body: Properties = {}
    const device = deviceProperties()
    for (const key in device) body[key] = device[key]
    if (deviceId() !== "") body["id"] = deviceId()
    body["version"] = runningImage().version
    body["iotoVersion"] = AGENT_VERSION
    body["platform"] = ports.platform
    return body
}

function isEmpty(properties: Properties): boolean {
    for (const _name in properties) return false
    return true
}

/** Whether `value` is an object that JSON writes with braces. */
function isObject(value: unknown): boolean {
    return typeof value === "object" && value !== null
}

// ---- registration ------------------------------------------------------------------------------

function registrationTake(answer: Properties): number {
    if (isEmpty(answer)) return STATUS_UNAUTHORIZED
    const api = textIn(answer, "api")
    const token = textIn(answer, "token")
    if (answer["registered"] === true && api === "" && token === "") return STATUS_DONE
    if (!urlIsGood(api) || !isVisibleText(token, TOKEN_BYTES_MAX)) return STATUS_ANSWER
    state().api = urlTrimmed(api)
    state().token = token
    state().id = textIn(answer, "id")
    stateSave()
    return STATUS_OK
}

function registerAnswered(status: number, statusCode: number, text: string): void {
    if (status !== STATUS_OK) return checkinDone(status)
    if (statusCode !== 200) return checkinDone(httpStatus(statusCode))
    const answer = ports.json.parse(text)
    checkinDone(isObject(answer) ? registrationTake(propertiesOf(answer)) : STATUS_ANSWER)
}

/**
 * Registers the device: POST <builder>/device/register with the product as bearer.
 * `done` hears STATUS_OK (token kept), STATUS_DONE (known but not claimed yet: ask again later), STATUS_UNAUTHORIZED (the cloud
 * refuses the device: the agent stops), or why it failed. Returns STATUS_OK, or STATUS_ARGUMENT without a product.
 */
export function registerSend(done: CheckinDone): number {
    const product = textIn(deviceProperties(), "product")
    if (settings().builder === "" || !isVisibleText(product, TOKEN_BYTES_MAX)) return STATUS_ARGUMENT
    checkinDone = done
    apiPost(settings().builder + "/device/register", product, deviceBody(), registerAnswered)
    return STATUS_OK
}

function registrationForget(): void {
    state().api = ""
    state().token = ""
    state().id = ""
    stateSave()
}

// ---- check-in ----------------------------------------------------------------------------------

function offerTake(answer: Properties): number {
    const url = textIn(answer, "url")
    const checksum = textIn(answer, "checksum")
    const version = textIn(answer, "version")
    const update = textIn(answer, "update")
    if (!isVisibleText(update, UPDATE_ID_BYTES_MAX)) return STATUS_ANSWER
    // From here on the cloud can be told what is wrong with its offer.
    const full = propertiesOf(answer["full"])
    const fullUrl = textIn(full, "url")
    const fullChecksum = textIn(full, "checksum")
    offer = { url, checksum, version, update, fullUrl, fullChecksum }
    if (!urlIsGood(url)) return STATUS_ANSWER
    if (answer["full"] !== undefined && (!urlIsGood(fullUrl) || !isHexOf(fullChecksum, DIGEST_BYTES))) return STATUS_ANSWER
    if (answer["checksum"] !== undefined && !isHexOf(checksum, DIGEST_BYTES)) return STATUS_ANSWER
    if (answer["version"] !== undefined && !versionValid(version)) return STATUS_ANSWER
    return STATUS_DONE
}

function checkinRefused(statusCode: number, text: string): number {
    if (text === "Authentication failed" || text === "Cannot find device") {
        registrationForget()
        return STATUS_UNAUTHORIZED
    }
    if (statusCode === 401 || statusCode === 403) return STATUS_UNAUTHORIZED
    return httpStatus(statusCode)
}

function checkinAnswered(status: number, statusCode: number, text: string): void {
    if (status !== STATUS_OK) return checkinDone(status)
    if (statusCode !== 200) return checkinDone(checkinRefused(statusCode, text))
    if (text === "") return checkinDone(STATUS_OK)
    const answer = ports.json.parse(text)
    if (!isObject(answer)) return checkinDone(STATUS_ANSWER)
    if (propertiesOf(answer)["url"] === undefined) return checkinDone(STATUS_OK)
    checkinDone(offerTake(propertiesOf(answer)))
}

/**
 * Checks in: POST <api>/tok/provision/update.
 * `done` hears STATUS_OK (nothing to do), STATUS_DONE (checkinOffer is an update), STATUS_UNAUTHORIZED (a registration that the cloud
 * no longer knows is thrown away), STATUS_ANSWER (also a bad offer; checkinOffer().update then names it, if it can), or why it failed.
 */
export function checkinSend(done: CheckinDone): void {
    checkinDone = done
    offer = offerNone()
    const body = deviceBody()
    // On trial the version alone is no success yet: the cloud waits for the commit. Ioto's agents have no trial and send no such key.
    const boot = bootRecordRead()
    if (boot !== undefined) {
        if (!boot.isCommitted) body["committed"] = false
        // What a delta for this board must be made from; boards that take none do not name it.
        body["base"] = hexOf(boot.appDigests[boot.activeApp])
    }
    apiPost(cloudUrl() + "/tok/provision/update", cloudToken(), body, checkinAnswered)
}

/** What the last check-in was offered. */
export function checkinOffer(): Offer {
    return offer
}
