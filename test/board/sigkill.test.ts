// A supervisor killed with SIGKILL at 100 random moments of updates: the board always comes back with a whole image, and finishes.

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { bundleLoader } from "../../build/bundle-host"
import { packFolder } from "../../build/pack"
import { manufacture } from "../../host/board/factory"
import type { BoardMessage } from "../../host/board/messages"
import { STATUS_ROLLED_BACK } from "../../firmware/status"
import { startServer, type AgentServer, type ImageScript } from "../firmware/agent-server"
import { makeFolder, until } from "./board-fixture"
import { startSupervisorProcess, type SupervisorProcess } from "./supervisor-process"

const KILLS = 100
/** Latest moment of a kill, counted from the start of a boot or from its request for an image. An update takes about twice as long. */
const KILL_MS_MAX = 220
/** Longest wait for a request: a boot on trial makes none. */
const REQUEST_MS_MAX = 1000
const BLOCK_BYTES = 4096
const PIECE_BYTES = 2048
const PIECE_MS = 4
const SEED = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)

/** Numbers in [0, 1) that depend on the seed alone (Park–Miller). */
function seededRandom(seed: number): () => number {
    let state = (seed % 2147483646) + 1
    return () => (state = (state * 48271) % 2147483647) / 2147483647
}

const folder = makeFolder()
const random = seededRandom(SEED)
let server: AgentServer

beforeAll(async () => void (server = await startServer()))
afterAll(async () => {
    await server.close()
    folder.remove()
})

/** An image of about 100 KiB: an app with text that does not compress, and a file. */
async function packVersion(version: string): Promise<Buffer> {
    const path = join(folder.path, version)
    mkdirSync(join(path, "files"), { recursive: true })
    const text = Array.from({ length: 1500 }, () => random().toString(36)).join("")
    writeFileSync(join(path, "app.js"), `import { log } from "otary"\nlog("text of " + "${text}".length)`)
    writeFileSync(join(path, "files", "text.txt"), text.slice(0, 10_000))
    writeFileSync(join(path, "otary.json5"), `{ name: "demo", version: "${version}" }`)
    writeFileSync(join(path, "config.json5"), `{ first: 0, update: { period: 1, retry: 1 } }`)
    return (await packFolder(path)).bytes
}

/** How often each block of the image under way was received, by the board's own word: what was sent is not what came on a busy machine. */
let downloads: number[] = []

/** The request under way: the first block that it was not counted for. */
let request = { imageBytes: 0, next: 0 }
let requests = 0

/** Counts the blocks that the board has told of in its progress: those behind which it has received a piece more. */
function countBlocks(told: readonly BoardMessage[]): void {
    for (const message of told) {
        if (message.kind !== "event" || message.name !== "device:progress") continue
        const receivedBytes = Math.floor((Number(message.value) * request.imageBytes) / 100)
        for (; (request.next + 1) * BLOCK_BYTES + PIECE_BYTES <= receivedBytes; request.next += 1)
            downloads[request.next] = (downloads[request.next] ?? 0) + 1
    }
}

/** Sends at about 500 KB/s, so that kills meet every part of a download. */
const slowImage: ImageScript = (response, image, from) => {
    const headers: Record<string, string | number> = { "Content-Length": image.length - from }
    if (from > 0) headers["Content-Range"] = `bytes ${from}-${image.length - 1}/${image.length}`
    response.writeHead(from > 0 ? 206 : 200, headers)
    requests += 1
    request = { imageBytes: image.length, next: Math.ceil(from / BLOCK_BYTES) }
    let at = from
    const timer = setInterval(() => {
        const next = image.subarray(at, at + PIECE_BYTES)
        at += next.length
        if (next.length > 0) return void response.write(next)
        clearInterval(timer)
        response.end()
    }, PIECE_MS)
    response.on("close", () => clearInterval(timer))
}

/** The updates that the server offers one after the other: two images in turn. */
interface Offer {
    readonly image: Buffer
    readonly version: string
    readonly id: string
}

function offerOf(images: Record<string, Buffer>, running: string, count: number): Offer {
    const version = Object.keys(images).find(name => name !== running)!
    return { image: images[version]!, version, id: `u${count}` }
}

/** Waits for the moment of a kill. Every other one meets a download, however slow the machine is. */
async function killMoment(kill: number): Promise<void> {
    const before = requests
    if (kill % 2 === 1) await until(() => requests > before, "a request", REQUEST_MS_MAX).catch(() => undefined)
    await sleep(random() * KILL_MS_MAX)
}

test(`${KILLS} kills`, async () => {
    process.stderr.write(`sigkill: SEED=${SEED}\n`)
    const images = { "1.0.0": await packVersion("1.0.0"), "1.1.0": await packVersion("1.1.0") }
    const home = join(folder.path, "board")
    const identity = { id: "b1", product: "p1", cloud: server.url, attributes: {} }
    const loader = (await bundleLoader()).toString("latin1")
    manufacture(home, { identity, loader, image: images["1.0.0"] })

    server.imageScript = slowImage
    // What was reported is not offered again until `follow` has heard of it.
    server.answers.report = () => {
        server.answers.checkin = () => ({ status: 200, body: "{}" })
        return { status: 200, body: "{}" }
    }
    let updates = 1
    let offer = offerOf(images, "1.0.0", updates)
    server.offer(offer.image, offer.id, offer.version)
    const finished: string[] = []
    let rolledBack = 0
    let most = 0
    let reports = 0
    let heard = 0
    /** Takes new messages and reports in; after each outcome the next update is offered. */
    const follow = (running: SupervisorProcess): void => {
        countBlocks(running.messages.slice(heard))
        heard = running.messages.length
        const told = server.of("report").slice(reports)
        for (const { body } of told) {
            if (body.update !== offer.id) continue
            // Three kills in a row on trial: the board went back, as it must.
            if (body.success === true) finished.push(offer.version)
            else if (body.status === STATUS_ROLLED_BACK) rolledBack += 1
            else throw new Error(`an update failed: ${JSON.stringify(body)}`)
            most = Math.max(most, ...downloads.filter(count => count !== undefined))
            downloads = []
            updates += 1
            offer = offerOf(images, body.version, updates)
        }
        reports += told.length
        if (told.length > 0) server.offer(offer.image, offer.id, offer.version)
    }

    const messages: BoardMessage[] = []
    const run = async (during: (running: SupervisorProcess) => Promise<void>): Promise<void> => {
        const running = startSupervisorProcess(home, folder.path)
        heard = 0
        await until(() => running.messages.some(message => message.kind === "boot"), "a boot")
        await during(running)
        await running.kill()
        messages.push(...running.messages)
        follow(running)
    }
    for (let kill = 0; kill < KILLS; kill++) await run(() => killMoment(kill))
    const wanted = finished.length + 2
    const isThere = (running: SupervisorProcess): boolean => (follow(running), finished.length >= wanted)
    await run(running => until(() => isThere(running), "two updates without kills", 20_000))

    const lines = messages.flatMap(message => (message.kind === "log" ? [message.line] : []))
    expect(lines.filter(line => /panic|no slot|contract|watchdog/.test(line))).toEqual([])
    const versions = messages.flatMap(message => (message.kind === "event" && message.name === "version" ? [message.value] : []))
    expect(new Set(versions)).toEqual(new Set(["1.0.0", "1.1.0"]))
    expect(versions.length).toBeGreaterThan(KILLS / 2)
    expect(most).toBeLessThanOrEqual(2)
    process.stderr.write(`sigkill: ${finished.length} updates, ${rolledBack} rolled back, each block at most ${most} times\n`)
    expect(finished.length).toBeGreaterThanOrEqual(5)
}, 240_000)
