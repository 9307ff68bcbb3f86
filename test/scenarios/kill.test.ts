// The cloud is killed at random moments under load: nothing that was acknowledged is lost, no device has two tasks, the rollout goes on.

import { spawn, type ChildProcess } from "node:child_process"
import { rmSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { buildSync } from "esbuild"
import { imageOf, temporaryFolder, type Json } from "../api/cloud-fixture"

const ROOT = join(__dirname, "..", "..")
/** OTARY_KILLS=50 for the long run. */
const KILLS = Number(process.env["OTARY_KILLS"] ?? 3)
const DEVICES = 40
const folder = temporaryFolder()
const file = join(folder, "cloud.cjs")

afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Running {
    child: ChildProcess
    url: string
    token: string
}

async function start(): Promise<Running> {
    const env = { ...process.env, NODE_PATH: join(ROOT, "node_modules") }
    const child = spawn(process.execPath, [file, folder], { env, stdio: ["ignore", "pipe", "inherit"] })
    const line = await new Promise<string>((resolve, reject) => {
        child.stdout?.once("data", (data: Buffer) => resolve(data.toString()))
        child.once("exit", code => reject(new Error(`the cloud ended with ${code}`)))
    })
    const [url = "", token = ""] = line.trim().split(" ")
    return { child, url, token }
}

async function kill({ child }: Running): Promise<void> {
    const gone = new Promise(resolve => child.once("exit", resolve))
    child.kill("SIGKILL")
    await gone
}

async function call(
    { url, token }: Running,
    method: string,
    path: string,
    body?: unknown,
    type = "application/json",
): Promise<Json> {
    const data = body instanceof Buffer ? new Uint8Array(body) : JSON.stringify(body)
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": type }
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: data }) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
}

/** A device that takes what it is offered, and remembers what the cloud acknowledged. */
class Device {
    version = "1.0.0"
    /** Task → whether its success was acknowledged. */
    readonly offered = new Set<string>()
    readonly acknowledged = new Set<string>()

    constructor(
        readonly id: string,
        private readonly token: string,
    ) {}

    private async post({ url }: Running, path: string, body: object): Promise<Json> {
        const headers = { Authorization: `bearer ${this.token}`, "Content-Type": "application/json" }
        const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify({ id: this.id, ...body }) })
        if (!answer.ok) throw new Error(`${answer.status}`)
        return answer.json()
    }

    async live(cloud: Running): Promise<void> {
        const { update, version } = await this.post(cloud, "/tok/provision/update", { version: this.version })
        if (update === undefined) return
        this.offered.add(update)
        await this.post(cloud, "/tok/provision/updateReport", { success: true, update, version })
        this.version = version
        this.acknowledged.add(update)
    }
}

/** Keeps all devices at work until told to stop; answers how many calls were acknowledged. */
async function load(cloud: Running, devices: Device[], isOver: () => boolean): Promise<void> {
    await Promise.all(
        devices.map(async device => {
            while (!isOver()) await device.live(cloud).catch(() => sleep(20))
        }),
    )
}

async function check(cloud: Running, devices: Device[]): Promise<void> {
    for (const device of devices) {
        const { items } = await call(cloud, "GET", `/tasks?device=${device.id}&limit=500`)
        const active = items.filter(({ state }: Json) => !["succeeded", "failed", "canceled", "skipped"].includes(state))
        expect(active.length).toBeLessThanOrEqual(1)
        const known = new Map<string, string>(items.map(({ id, state }: Json) => [id, state]))
        for (const update of device.offered) expect(known.has(update)).toBe(true)
        for (const update of device.acknowledged) expect([update, known.get(update)]).toEqual([update, "succeeded"])
    }
}

test(
    `killed ${KILLS} times`,
    async () => {
        const contents = `import { startCloud } from "./host/cloud/cloud"
            startCloud({ dataDir: process.argv[2], log: "silent" }).then(cloud => console.log(cloud.url + " " + cloud.adminToken))`
        const stdin = { contents, resolveDir: ROOT, loader: "ts" as const }
        buildSync({ stdin, bundle: true, platform: "node", packages: "external", format: "cjs", outfile: file })
        let cloud = await start()
        await call(cloud, "POST", "/products", { id: "p" })
        const devices: Device[] = []
        for (let index = 0; index < DEVICES; index += 1) {
            const { token } = await call(cloud, "POST", "/devices", { id: `k${index}`, product: "p", version: "1.0.0" })
            devices.push(new Device(`k${index}`, token))
        }
        const releases: string[] = []
        for (let round = 1; round <= KILLS; round += 1) {
            const { sha256 } = await call(cloud, "POST", "/artifacts", imageOf(`1.${round}.0`), "application/zip")
            releases.push((await call(cloud, "POST", "/releases", { product: "p", artifact: sha256 })).id)
            let isOver = false
            const work = load(cloud, devices, () => isOver)
            await sleep(20 + Math.random() * 200)
            await kill(cloud)
            isOver = true
            await work
            cloud = await start()
            await check(cloud, devices)
            expect((await call(cloud, "GET", "/releases?limit=500")).items.map(({ id }: Json) => id)).toEqual(
                [...releases].reverse(),
            )
        }
        for (const device of devices) while (device.version !== `1.${KILLS}.0`) await device.live(cloud)
        await check(cloud, devices)
        const gone = new Promise(resolve => cloud.child.once("exit", resolve))
        cloud.child.kill("SIGTERM")
        await gone
    },
    60_000 + KILLS * 20_000,
)
