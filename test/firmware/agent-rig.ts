// A board with the agent for tests: flash in memory, virtual time, real HTTP. Time stands still while a request is under way.

import { createHash } from "node:crypto"
import type { Hardware } from "../../shims/host/hardware"
import type { ImageFile, Ports } from "../../firmware/ports"
import type { RunningImage } from "../../firmware/running"
import { createVirtualClock, type VirtualClock } from "../../shims/host/clock"
import { hostPorts } from "../../shims/host/main"
import { createHttp, type HostHttp } from "../../shims/host/net"
import type * as entry from "./agent-entry"
import type { AgentServer } from "./agent-server"
import { firmwareBundle } from "./bundle"
import { bootSlot, createRig, install, slotBytes, type Rig } from "./core"
import { seededBytes } from "./images"

/** The agent's modules, as one boot has them. */
export type Agent = typeof entry

/** What a board is made with. */
export interface BoardOptions {
    server: Pick<AgentServer, "silent">
    config?: Record<string, unknown>
    device?: Record<string, unknown>
    /** Files on the board, JSON or text. */
    files?: Record<string, unknown>
    /** Runs right after the agent's start at every boot, as an app would. */
    app?: (agent: Agent, version: string) => void
    imageFile?: ImageFile
    /** What the running image says of itself beside its version, such as the keys that the next one must be signed with. */
    image?: Partial<RunningImage>
    /** Ports that differ from the host's. */
    ports?: Partial<Ports>
    /** Unix time at power-on; 0 = unknown. */
    startS?: number
    random?: number
}

const MS_MAX = 40 * 86400 * 1000
/** Real milliseconds for each step of virtual time while a server is silent. */
const SILENT_STEP_MS = 5
const TURNS_MAX = 1_500_000
let bootCode: ((...parameters: unknown[]) => void) | undefined

/** What a boot evaluates, compiled once: its variables are new every time. */
function bootFunction(): NonNullable<typeof bootCode> {
    const names = ["module", "exports", "__OTARY_CONFIG__", "__OTARY_DEVICE__"]
    bootCode ??= new Function(...names, firmwareBundle("test/firmware/agent-entry.ts")) as NonNullable<typeof bootCode>
    return bootCode
}

/** An app part that says which version it is: `version=1.1.0;` and `length` bytes of anything. */
export function appOf(version: string, length = 20000, seed = 1): Buffer {
    return Buffer.concat([Buffer.from(`version=${version};`), seededBytes(length, seed)])
}

/** A board that can be switched on, watched, and reset by its own agent. */
export class AgentBoard {
    readonly rig: Rig = createRig()
    readonly lines = this.rig.lines
    agent!: Agent
    clock: VirtualClock
    version = ""
    boots = 0
    feeds = 0
    /** Uptime at which the board last reset itself. */
    resetMs = 0
    /** Requests under way, and whether one is held back by a pause. */
    private open = new Set<number>()
    private paused = 0
    private http: HostHttp | undefined
    private wantsReset = false
    private elapsedMs = 0

    constructor(private readonly options: BoardOptions) {
        const files = Object.entries(options.files ?? {}).map(([name, value]) => [
            name,
            typeof value === "string" ? value : JSON.stringify(value),
        ])
        this.clock = createVirtualClock(options.startS)
        install(this.rig, appOf("1.0.0"), Object.fromEntries(files) as Record<string, string>)
        this.boot()
    }

    /** Cuts the power and switches it on again: RAM, timers and connections are lost. */
    boot(): void {
        const { config = {}, device = {}, startS } = this.options
        this.clock.stop()
        this.http?.stop()
        this.open.clear()
        this.wantsReset = false
        this.clock = createVirtualClock(startS === 0 ? 0 : this.clock.nowS())
        this.http = createHttp(this.clock)
        const slot = bootSlot(this.rig)
        const start = this.rig.start!
        if (slot < 0) throw new Error(`the board does not boot: status ${slot}`)
        this.version = /^version=(.*?);/.exec(slotBytes(this.rig, slot, 64).toString("latin1"))![1]!
        this.boots += 1
        const module = { exports: {} as Agent }
        bootFunction()(module, module.exports, config, device)
        this.agent = module.exports
        this.agent.portsInstall({ ...hostPorts(this.hardware()), ...this.options.ports })
        const image = { name: "demo", version: this.version, build_id: `b-${this.version}`, security: 0 }
        this.agent.running.runningInstall({ ...image, ...this.options.image })
        this.agent.bootRecord.bootRecordStart(start.slot, start.reason, start.record)
        this.agent.files.filesMount()
        this.agent.agent.agentStart()
        this.options.app?.(this.agent, this.version)
    }

    /** Asks for a reset: the world goes on with another boot. */
    reset(): void {
        this.wantsReset = true
        this.resetMs = this.clock.upMs()
    }

    private hardware(): Hardware {
        return {
            layout: this.rig.layout.regions,
            flash: this.rig.flash,
            clock: this.clock,
            http: this.countedHttp(this.http!),
            imageFile: this.options.imageFile,
            sha256: bytes => createHash("sha256").update(bytes, "latin1").digest("binary"),
            random: () => this.options.random ?? 0,
            reset: () => this.reset(),
            watchdog: () => void (this.feeds += 1),
            log: line => void this.lines.push(line),
            run: () => undefined,
        }
    }

    /** The real port, with requests counted so that the test knows when time may pass. */
    private countedHttp(http: HostHttp) {
        const open = this.open
        return {
            request: (
                method: string,
                url: string,
                headers: string[][],
                body: string,
                listener: Parameters<HostHttp["request"]>[4],
            ) => {
                const handle: number = http.request(method, url, headers, body, {
                    ...listener,
                    onEnd: status => (open.delete(handle), listener.onEnd(status)),
                })
                open.add(handle)
                return handle
            },
            abort: (handle: number) => (open.delete(handle), http.abort(handle)),
            pause: (handle: number, delayMs: number) => {
                this.paused += 1
                this.clock.after(delayMs, () => void (this.paused -= 1))
                http.pause(handle, delayMs)
            },
        }
    }

    /** Lets the world go on, resets included, until `done`; fails when that does not come about. */
    async until(done: () => boolean, what = String(done)): Promise<void> {
        const endMs = this.elapsedMs + MS_MAX
        for (let turn = 0; turn < TURNS_MAX && this.elapsedMs < endMs; turn += 1) {
            if (this.wantsReset) this.boot()
            if (done()) return
            const isSilent = this.options.server.silent > 0
            if (this.open.size === 0 || this.paused > 0 || isSilent) this.step()
            // While a server is silent, both sides get real time to notice what the other does.
            if (isSilent) await new Promise(next => setTimeout(next, SILENT_STEP_MS))
            else if (this.open.size > 0) await new Promise(next => setImmediate(next))
        }
        throw new Error(`never came about: ${what}\n${this.lines.join("\n")}`)
    }

    /** Lets `seconds` pass, requests included. */
    async pass(seconds: number): Promise<void> {
        const endMs = this.elapsedMs + seconds * 1000
        await this.until(() => this.elapsedMs >= endMs && this.open.size === 0, `${seconds} s`)
    }

    private step(): void {
        const ms = Math.max(0, this.clock.nextMs())
        this.elapsedMs += ms
        this.clock.advance(ms)
    }

    /** The agent's file, parsed. */
    kept(): any {
        return JSON.parse(this.agent.files.fileRead("agent.json") ?? "{}")
    }
}
