// A supervisor killed with SIGKILL at 100 random moments of updates: the board always comes back with a whole image, and finishes.

import { mkdirSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { bundleLoader } from "../../build/bundle-host"
import { packFolder } from "../../build/pack"
import { manufacture } from "../../host/board/factory"
import type { BoardMessage } from "../../host/board/messages"
import { STATUS_ROLLED_BACK } from "../../firmware/status"
import { startServer, type AgentServer, type ImageScript } from "../firmware/agent-server"
import { makeFolder, until } from "./board-fixture"
import { startSupervisorProcess } from "./supervisor-process"

const KILLS = 100
/** Latest moment of a kill, counted from the start of a boot. An update takes about twice as long. */
const KILL_MS_MAX = 220
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

/** How often each block of the image under way was downloaded: the board lived on when the piece behind it was sent. */
let downloads: number[] = []

/** Sends at about 500 KB/s, so that what was sent and what was received are nearly the same. */
const slowImage: ImageScript = (response, image, from) => {
    const headers: Record<string, string | number> = { "Content-Length": image.length - from }
    if (from > 0) headers["Content-Range"] = `bytes ${from}-${image.length - 1}/${image.length}`
    response.writeHead(from > 0 ? 206 : 200, headers)
    let at = from
    const timer = setInterval(() => {
        const received = Math.floor(at / BLOCK_BYTES)
        const next = image.subarray(at, at + PIECE_BYTES)
        at += next.length
        const isNewBlock = Math.floor(at / BLOCK_BYTES) > received
        if (isNewBlock && received * BLOCK_BYTES - BLOCK_BYTES >= from)
            downloads[received - 1] = (downloads[received - 1] ?? 0) + 1
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

test(`${KILLS} kills`, async () => {
    process.stderr.write(`sigkill: SEED=${SEED}\n`)
    const images = { "1.0.0": await packVersion("1.0.0"), "1.1.0": await packVersion("1.1.0") }
    const home = join(folder.path, "board")
    const identity = { id: "b1", product: "p1", cloud: server.url, attributes: {} }
    const loader = (await bundleLoader()).toString("latin1")
    manufacture(home, { identity, loader, image: images["1.0.0"] })

    server.imageScript = slowImage
    let updates = 1
    let offer = offerOf(images, "1.0.0", updates)
    server.offer(offer.image, offer.id, offer.version)
    const finished: string[] = []
    let rolledBack = 0
    let most = 0
    let reports = 0
    /** Takes new reports in; after each outcome the next update is offered. */
    const follow = (): void => {
        for (const { body } of server.of("report").slice(reports)) {
            reports += 1
            if (body.update !== offer.id) continue
            // Three kills in a row on trial: the board went back, as it must.
            if (body.success === true) finished.push(offer.version)
            else if (body.status === STATUS_ROLLED_BACK) rolledBack += 1
            else throw new Error(`an update failed: ${JSON.stringify(body)}`)
            most = Math.max(most, ...downloads.filter(count => count !== undefined))
            downloads = []
            updates += 1
            offer = offerOf(images, body.version, updates)
            server.offer(offer.image, offer.id, offer.version)
        }
    }

    const messages: BoardMessage[] = []
    const run = async (isDone: () => boolean, what: string, afterMs: number): Promise<void> => {
        const running = startSupervisorProcess(home, folder.path)
        await until(() => running.messages.some(message => message.kind === "boot"), "a boot")
        await until(isDone, what, 20_000)
        await new Promise(resolve => setTimeout(resolve, afterMs))
        await running.kill()
        messages.push(...running.messages)
        follow()
    }
    for (let kill = 0; kill < KILLS; kill++) await run(() => true, "", random() * KILL_MS_MAX)
    const wanted = finished.length + 2
    await run(() => (follow(), finished.length >= wanted), "two updates without kills", 0)

    const lines = messages.flatMap(message => (message.kind === "log" ? [message.line] : []))
    expect(lines.filter(line => /panic|no slot|contract|watchdog/.test(line))).toEqual([])
    const versions = messages.flatMap(message => (message.kind === "event" && message.name === "version" ? [message.value] : []))
    expect(new Set(versions)).toEqual(new Set(["1.0.0", "1.1.0"]))
    expect(versions.length).toBeGreaterThan(KILLS / 2)
    expect(most).toBeLessThanOrEqual(2)
    process.stderr.write(`sigkill: ${finished.length} updates, ${rolledBack} rolled back, each block at most ${most} times\n`)
    expect(finished.length).toBeGreaterThanOrEqual(5)
}, 150_000)
