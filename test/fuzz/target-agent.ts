// What a server may answer to the agent: registration, check-in and report, and the heads and bodies of downloads.

import type { Http, HttpListener } from "../../firmware/ports"
import { STATUS_NET, STATUS_OK } from "../../firmware/status"
import { imageOf, seededBytes, sha256Hex } from "../firmware/images"
import { OLD_APP, type FuzzBoard, type FuzzCore } from "./board"
import { bendJson, mutated, VALUES, type Random } from "./random"
import { jsonBytes, must, type Target } from "./target"

const NEW_APP = seededBytes(5000, 6)
const IMAGE = imageOf({ app: NEW_APP })
const OFFER = { url: "http://127.0.0.1/image", checksum: sha256Hex(IMAGE), version: "1.1.0", update: "u1" }
const REGISTERED = { registered: true, id: "DEV1", api: "http://127.0.0.1", token: "T1" }
const TIMEOUTS = { timeouts: { api: 5, download: 60, stall: 5 }, update: { period: 60, retry: 5 }, first: 1 }
const WITH_TOKEN = { ...TIMEOUTS, api: "http://127.0.0.1", token: "T" }
const WITHOUT_TOKEN = { ...TIMEOUTS, builder: "http://127.0.0.1" }
/** Virtual seconds that a board lives with one input: its pauses between five tries of a download, and several periods. */
const LIFE_S = 300
const STEP_S = 10

/** A request, as the script sees it. */
interface Exchange {
    readonly path: string
    readonly range: string
    readonly listener: HttpListener
    /** Runs later, unless the request was aborted. */
    later(run: () => void): void
}

/** A network whose every answer comes from a script. */
function scripted(board: FuzzBoard, seen: string[], answer: (exchange: Exchange) => void): Http {
    let last = 0
    const open = new Set<number>()
    return {
        request(_method, url, headers, _body, listener) {
            const handle = ++last
            open.add(handle)
            seen.push(url)
            const later = (run: () => void): void => void board.clock.after(1, () => open.has(handle) && run())
            const range = headers.find(([name]) => name === "Range")?.[1] ?? ""
            later(() => answer({ path: url.slice(url.lastIndexOf("/") + 1), range, listener, later }))
            return handle
        },
        abort: handle => void open.delete(handle),
        pause: () => undefined,
    }
}

/** Sends a head, a body in pieces, and the end; each later than the one before, as a network does. */
function send(
    exchange: Exchange,
    code: number,
    headers: Record<string, string>,
    body: string,
    end: number,
    pieceBytes = 1400,
): void {
    const { listener, later } = exchange
    listener.onHead({ statusCode: code, header: name => headers[name] ?? "" })
    const piece = (at: number): void => {
        if (at >= body.length) return listener.onEnd(end)
        listener.onData(body.slice(at, at + pieceBytes))
        later(() => piece(at + pieceBytes))
    }
    later(() => piece(0))
}

function live(board: FuzzBoard, core: FuzzCore): void {
    core.files.filesMount()
    core.agent.agentStart()
    for (let s = 0; s < LIFE_S && board.resets === 0; s += STEP_S) board.clock.advance(STEP_S * 1000)
}

/** Unless it was reset for an image that was applied, the agent goes on: it feeds the watchdog and asks again. */
function alive(board: FuzzBoard, seen: string[], isRefused: boolean): void {
    if (board.resets > 0) return
    const [feeds, requests] = [board.feeds, seen.length]
    board.clock.advance(4 * 60_000)
    must(board.feeds > feeds, "stuck", "the watchdog is no longer fed")
    must(isRefused || seen.length > requests, "stuck", "the agent asks no more")
}

/** First line: HTTP status code; the rest: the body. */
function runAnswer(board: FuzzBoard, input: Buffer, random: Random): void {
    const text = input.toString("latin1")
    const cut = text.indexOf("\n")
    const code = Number.parseInt(text.slice(0, cut), 10)
    const body = text.slice(cut + 1)
    const bent = random.pick(["register", "update", "update", "updateReport"])
    const end = random.oneIn(6) ? STATUS_NET : STATUS_OK
    const seen: string[] = []
    board.allow(3_000_000)
    // The agent's own file may fill the area, and another one take its place, of which no stopped download may know.
    board.writable = ["files0", "files1", "journal", "boot"]
    let isRefused = false
    const http = scripted(board, seen, exchange => {
        const { path } = exchange
        if (path === bent) send(exchange, Number.isFinite(code) ? code : 200, {}, body, end)
        else if (path === "register") send(exchange, 200, {}, JSON.stringify(REGISTERED), STATUS_OK)
        else if (path === "update") send(exchange, 200, {}, bent === "updateReport" ? JSON.stringify(OFFER) : "{}", STATUS_OK)
        else send(exchange, 404, {}, "", STATUS_OK)
        if (path === "register" && bent === "register") isRefused = true
    })
    const core = board.boot({}, http, bent === "register" ? WITHOUT_TOKEN : WITH_TOKEN)
    const before = core.bootRecord.bootRecordRead()!
    live(board, core)
    const after = core.bootRecord.bootRecordRead()!
    const isSame = after.activeApp === before.activeApp && after.isCommitted && after.updateId === before.updateId
    must(isSame && board.resets === 0, "boot", "an answer alone has changed what boots")
    alive(board, seen, isRefused)
}

/** First line: status code, Content-Length and Content-Range, parted by `;`. The rest: the body, or the genuine one if empty. */
function runDownload(board: FuzzBoard, input: Buffer, random: Random): void {
    const text = input.toString("latin1")
    const cut = text.indexOf("\n")
    const [code = "", length = "", range = ""] = text.slice(0, Math.max(0, cut)).split(";")
    const bentBody = text.slice(cut + 1)
    const isEvery = random.oneIn(3)
    const end = random.oneIn(4) ? STATUS_NET : STATUS_OK
    const piece = random.pick([1400, 100, 9000])
    const seen: string[] = []
    board.allow(6_000_000)
    board.writable = ["files0", "journal", "app1", "files1", "boot"]
    let count = 0
    const http = scripted(board, seen, exchange => {
        if (exchange.path === "update") return send(exchange, 200, {}, JSON.stringify(OFFER), STATUS_OK)
        if (exchange.path !== "image") return send(exchange, 200, {}, "{}", STATUS_OK)
        const from = Number(/\d+/.exec(exchange.range)?.[0] ?? 0)
        count += 1
        if (count > 1 && !isEvery) {
            const headers = { "content-range": `bytes ${from}-${IMAGE.length - 1}/${IMAGE.length}` }
            return send(exchange, from > 0 ? 206 : 200, headers, IMAGE.toString("latin1", from), STATUS_OK)
        }
        const body = bentBody === "" ? IMAGE.toString("latin1", from) : bentBody
        const headers = { "content-length": length, "content-range": range.replace("FROM", String(from)) }
        send(exchange, Number.parseInt(code, 10) || 200, headers, body, end, piece)
    })
    const core = board.boot({}, http, WITH_TOKEN)
    live(board, core)
    const isApplied = core.bootRecord.bootRecordRead()!.activeApp === 1
    must(isApplied === board.resets > 0, "boot", "the board is reset for an image that is applied, and for no other")
    if (isApplied)
        must(board.bytesOf("app1").subarray(0, NEW_APP.length).equals(NEW_APP), "unverified", "another app was applied")
    must(board.bytesOf("app0").subarray(0, OLD_APP.length).equals(OLD_APP), "write", "the running app was written to")
    alive(board, seen, false)
}

const ANSWERS = [OFFER, REGISTERED, {}, { message: "x" }, { ...OFFER, checksum: undefined }].map(value =>
    Buffer.concat([Buffer.from("200\n"), jsonBytes(value)]),
)
const REFUSALS = [
    "200\n",
    "401\nAuthentication failed",
    "403\nCannot find device",
    "404\n",
    "429\n",
    "500\nx",
    "302\n",
    "0\n",
].map(text => Buffer.from(text))
const SIZE = IMAGE.length
const HEADS = [
    `200;${SIZE};`,
    "200;;",
    `206;;bytes FROM-${SIZE - 1}/${SIZE}`,
    `206;;bytes 0-${SIZE - 1}/*`,
    "302;0;",
    "404;0;",
    "416;;",
    "200;4294967297;",
].map(head => Buffer.from(`${head}\n`))

function makeAnswer(random: Random): Buffer {
    const seed = random.pick(random.oneIn(4) ? REFUSALS : ANSWERS)
    if (random.oneIn(12)) return Buffer.concat([Buffer.from("200\n"), jsonBytes(random.pick(VALUES))])
    if (random.oneIn(2)) return mutated(seed, 1 + random.below(3), random)
    const value: unknown = seed.includes("{") ? JSON.parse(seed.subarray(seed.indexOf("{")).toString()) : { url: OFFER.url }
    bendJson(value, random)
    return Buffer.concat([Buffer.from(`${random.pick([200, 200, 200, 401, 500])}\n`), jsonBytes(value)])
}

function makeDownload(random: Random): Buffer {
    const head = mutated(random.pick(HEADS).subarray(0, -1), random.below(3), random).toString("latin1").replaceAll("\n", " ")
    const body = random.oneIn(2) ? Buffer.alloc(0) : mutated(IMAGE, random.below(3), random)
    return Buffer.concat([Buffer.from(`${head}\n`, "latin1"), body])
}

/** Answers to registration, check-in and report. */
export const ANSWER: Target = {
    name: "answer",
    weight: 8,
    seeds: () => [...ANSWERS, ...REFUSALS],
    make: makeAnswer,
    run: runAnswer,
}

/** Heads and bodies of downloads. */
export const DOWNLOAD: Target = { name: "download", weight: 8, seeds: () => HEADS, make: makeDownload, run: runDownload }
