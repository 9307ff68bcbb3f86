// Starts clouds in processes of their own and tells them what to do.

import { spawn } from "node:child_process"
import { join } from "node:path"
import { projectRoot } from "../../build/root"
import type { Json } from "../api/cloud-fixture"

/** How a cloud is started: options of startCloud that fit into JSON, and a clock that stands until it is set. */
export interface CloudStart {
    dataDir: string
    databaseUrl?: string
    /** False leaves the ticks to orders. */
    ticks?: boolean
    /** Unix time in ms; the system's clock when it is left out. */
    clockMs?: number
    checkinsWaitingMax?: number
}

/** What a cloud's process is told. `value` is the time in ms for "clock". */
export interface CloudOrder {
    id: number
    do: "tick" | "clock" | "usage" | "close"
    value?: number | undefined
}

/** A cloud in a process of its own. */
export interface CloudProcess {
    pid: number
    url: string
    token: string
    databaseUrl: string
    /** Tells it something and waits for the answer. */
    tell(what: CloudOrder["do"], value?: number): Promise<Json>
    /** A call of its API. Throws when it is refused. */
    api(method: string, path: string, body?: unknown, type?: string): Promise<Json>
    /** SIGKILL; resolves when it is gone. */
    kill(): Promise<void>
    /** An orderly end. */
    close(): Promise<void>
}

interface Answer {
    id: number
    answer?: Json
    error?: string
}

async function callApi(url: string, token: string, method: string, path: string, body: unknown, type: string): Promise<Json> {
    const data = body instanceof Buffer ? new Uint8Array(body) : JSON.stringify(body)
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": type }
    const answer = await fetch(`${url}/api/v1${path}`, { method, headers, ...(body === undefined ? {} : { body: data }) })
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    return answer.json()
}

/** Starts a cloud; throws when it ends before it is ready. */
export async function startCloudProcess(start: CloudStart): Promise<CloudProcess> {
    const root = projectRoot()
    const run = [join(root, "build/run.cjs"), join(root, "test/scenarios/cloud-main.ts"), JSON.stringify(start)]
    const child = spawn(process.execPath, run, { stdio: ["ignore", "inherit", "inherit", "ipc"] })
    const waiting = new Map<number, { resolve(answer: Json): void; reject(error: Error): void }>()
    let orders = 0
    const answerTo = (id: number): Promise<Json> => new Promise((resolve, reject) => void waiting.set(id, { resolve, reject }))
    const gone = new Promise<void>(resolve => {
        child.once("exit", (code, signal) => {
            for (const { reject } of waiting.values()) reject(new Error(`the cloud ended (${code ?? signal})`))
            waiting.clear()
            resolve()
        })
    })
    child.on("message", ({ id, answer, error }: Answer) => {
        const one = waiting.get(id)
        waiting.delete(id)
        if (error === undefined) one?.resolve(answer)
        else one?.reject(new Error(error))
    })
    const { url, token, databaseUrl } = await answerTo(0)
    const tell: CloudProcess["tell"] = (what, value) => {
        const order: CloudOrder = { id: (orders += 1), do: what, value }
        const answer = answerTo(order.id)
        child.send(order, error => error !== null && waiting.get(order.id)?.reject(error))
        return answer
    }
    return {
        pid: child.pid as number,
        url,
        token,
        databaseUrl,
        tell,
        api: (method, path, body, type = "application/json") => callApi(url, token, method, path, body, type),
        kill: async () => {
            child.kill("SIGKILL")
            await gone
        },
        close: async () => {
            await tell("close")
            await gone
        },
    }
}
