// A real cloud in a temporary folder for tests: real database, real HTTP, a clock that the test may turn.

import { createHash } from "node:crypto"
import { chmodSync, mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { crc32 } from "node:zlib"
import { startCloud, type Cloud, type CloudOptions } from "../../host/cloud/cloud"

/** Any JSON value that a test looks into. */
export type Json = any

/** An answer: its status, its headers and its body, parsed when it is JSON. */
export interface Answer {
    status: number
    headers: Headers
    body: Json
    text: string
}

/** A cloud for tests. */
export interface CloudFixture {
    url: string
    token: string
    databaseUrl: string
    dataDir: string
    /** Moves the cloud's clock. */
    advance(seconds: number): void
    /** Ticks of the scheduler until nothing is left to do. For clouds that were started with `ticks: false`. */
    settle(): Promise<void>
    /** A call of the API, with the admin token unless told otherwise. */
    api(method: string, path: string, body?: unknown, token?: string | null): Promise<Answer>
    /** A request as a device sends it. `authorization` is the whole header. */
    device(path: string, authorization: string | null, body: unknown): Promise<Answer>
    /** Uploads an image; answers its SHA-256. */
    upload(image: Buffer): Promise<string>
    /** Uploads an image of a version and releases it to everyone, or to the listed devices. Answers the release. */
    release(product: string, version: string, more?: { ids?: string[]; manifest?: Record<string, unknown> }): Promise<Json>
    close(): Promise<void>
}

async function answerOf(response: Response): Promise<Answer> {
    const text = await response.text()
    const json = (response.headers.get("content-type") ?? "").includes("json")
    return { status: response.status, headers: response.headers, text, body: json ? JSON.parse(text) : null }
}

/** A stored zip entry: its local header and its content. */
function zipEntry(name: string, content: Buffer): Buffer {
    const head = Buffer.alloc(30)
    head.writeUInt32LE(0x04034b50, 0)
    head.writeUInt16LE(20, 4)
    head.writeUInt32LE(crc32(content), 14)
    head.writeUInt32LE(content.length, 18)
    head.writeUInt32LE(content.length, 22)
    head.writeUInt16LE(name.length, 26)
    return Buffer.concat([head, Buffer.from(name, "latin1"), content])
}

/** A zip file of stored entries with an end that the cloud's reader takes; build/ makes the ones for devices. */
export function zipOf(entries: [string, Buffer][]): Buffer {
    const central = Buffer.alloc(46 + 22)
    central.writeUInt32LE(0x02014b50, 0)
    central.writeUInt32LE(0x06054b50, 46)
    return Buffer.concat([...entries.map(([name, content]) => zipEntry(name, content)), central])
}

/** An image of a version; `changes` are fields of the manifest, `app` its only part. */
export function imageOf(version: string, changes: Record<string, unknown> = {}, app = Buffer.from(`app ${version}`)): Buffer {
    const part = { type: "app", src: "app.js", size: app.length, cs_sha256: createHash("sha256").update(app).digest("hex") }
    const manifest = { name: "demo", platform: "host", version, build_id: `b-${version}`, parts: { app: part }, ...changes }
    return zipOf([
        ["manifest.json", Buffer.from(JSON.stringify(manifest))],
        ["app.js", app],
    ])
}

/** A temporary folder that the database's user can enter when the tests run as root. */
export function temporaryFolder(): string {
    const folder = mkdtempSync(join(tmpdir(), "otary-test-"))
    chmodSync(folder, 0o755)
    return folder
}

function calls(url: string, adminToken: string): Pick<CloudFixture, "api" | "device" | "upload" | "release"> {
    const api: CloudFixture["api"] = async (method, path, body, token = adminToken) => {
        const headers: Record<string, string> = token === null ? {} : { Authorization: `Bearer ${token}` }
        if (body !== undefined) headers["Content-Type"] = "application/json"
        const init = body === undefined ? {} : { body: JSON.stringify(body) }
        return answerOf(await fetch(`${url}/api/v1${path}`, { method, headers, ...init }))
    }
    const device: CloudFixture["device"] = async (path, authorization, body) => {
        const headers: Record<string, string> = { "Content-Type": "application/json" }
        if (authorization !== null) headers["Authorization"] = authorization
        const text = typeof body === "string" ? body : JSON.stringify(body)
        return answerOf(await fetch(url + path, { method: "POST", headers, body: text }))
    }
    const upload: CloudFixture["upload"] = async image => {
        const headers = { Authorization: `Bearer ${adminToken}`, "Content-Type": "application/zip" }
        const answer = await answerOf(
            await fetch(`${url}/api/v1/artifacts`, { method: "POST", headers, body: new Uint8Array(image) }),
        )
        if (answer.status > 201) throw new Error(answer.text)
        return answer.body.sha256
    }
    const release: CloudFixture["release"] = async (product, version, { ids, manifest } = {}) => {
        const scope = ids === undefined ? { kind: "all" } : { kind: "devices", ids }
        const artifact = await upload(imageOf(version, manifest))
        const made = await api("POST", "/releases", { product, artifact, scope })
        if (made.status !== 201) throw new Error(made.text)
        return made.body
    }
    return { api, device, upload, release }
}

/** Starts a cloud. Close it in afterAll. */
export async function startCloudFixture(options: Partial<CloudOptions> = {}): Promise<CloudFixture> {
    const dataDir = options.dataDir ?? temporaryFolder()
    let aheadMs = 0
    const nowMs = (): number => Date.now() + aheadMs
    const cloud: Cloud = await startCloud({ log: "silent", nowMs, ...options, dataDir })
    const { url, adminToken: token, databaseUrl } = cloud
    const advance = (seconds: number): void => void (aheadMs += seconds * 1000)
    const close = async (): Promise<void> => {
        await cloud.close()
        if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true })
    }
    const settle = async (): Promise<void> => {
        for (let ticks = 0; ticks < 50; ticks += 1) if (!(await cloud.tick())) return
        throw new Error("the scheduler does not come to rest")
    }
    return { url, token, databaseUrl, dataDir, advance, settle, close, ...calls(url, token) }
}
