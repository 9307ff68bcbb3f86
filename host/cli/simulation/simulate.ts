// A rollout over a described population in virtual time: the cloud's own planner, checks and task table, without database or devices.

import { KNOBS_DEFAULT, type Knobs } from "../../cloud/domain/rollout"
import { MODULE_DEFAULT, type DeviceFacts, type ReleaseFacts } from "../../cloud/domain/types"
import { World, type WorldEvent } from "../../cloud/domain/world"
import type { Population } from "./population"

/** How far the rollout is at a minute of virtual time. `pushed` counts hand-outs, the rest devices. */
export interface Sample {
    minute: number
    pushed: number
    /** Handed out and not ended. */
    working: number
    succeeded: number
    failed: number
}

/** What a simulation showed. */
export interface Simulation {
    samples: Sample[]
    state: string
    outcome: string | null
    devices: number
    minutes: number
}

const ROLLOUT = "simulated"
const HOUR_S = 3600
const DAY_S = 86_400
/** Any day at midnight UTC; every simulation begins on it. */
const START_S = 1_800_057_600

/** A number of 0 to below 1 that depends on its arguments alone, so that a simulation can be repeated (a 32-bit mix). */
function chance(...parts: number[]): number {
    let h = 0x9e3779b9
    for (const part of parts) {
        h = Math.imul(h ^ (part >>> 0), 0x85ebca6b)
        h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
        h ^= h >>> 16
    }
    return (h >>> 0) / 2 ** 32
}

function deviceOf(index: number, version: string): DeviceFacts {
    const facts = { id: `device-${index}`, product: "product", attributes: {}, version, versions: {}, versionAtS: 0 }
    return { ...facts, claimed: true, cloud: "default", region: "", tags: [] }
}

function releaseOf(target: string): ReleaseFacts {
    const facts = { id: "release", product: "product", version: target, policy: "", enabled: true, module: MODULE_DEFAULT }
    return { ...facts, cloud: "", platform: "", requires: "", requirement: "", deltaSources: [], verified: true, expiresS: 0 }
}

/** The version of each device: the shares in their order; what is left runs the target already. */
function addDevices(world: World, { devices, versions, target }: Population): void {
    const bounds: [number, string][] = []
    let sum = 0
    for (const [version, share] of Object.entries(versions)) bounds.push([(sum += share) * devices, version])
    for (let index = 0; index < devices; index += 1) {
        const version = bounds.find(([bound]) => index + 0.5 < bound)?.[1] ?? target
        world.addDevice(deviceOf(index, version))
    }
}

/** What devices do, second by second. */
class Fleet {
    private readonly agenda = new Map<number, (() => void)[]>()

    constructor(
        private readonly world: () => World,
        private readonly population: Population,
        private readonly knobs: Knobs,
    ) {}

    private at(second: number, action: () => void): void {
        const due = this.agenda.get(second)
        if (due === undefined) this.agenda.set(second, [action])
        else due.push(action)
    }

    private nowS(): number {
        return Math.floor(this.world().nowMs / 1000)
    }

    /** Whether a device can be reached in the present hour. */
    private isOnline(index: number): boolean {
        const { online, seed } = this.population
        const hour = Math.floor(this.nowS() / HOUR_S)
        const share = typeof online === "number" ? online : online[hour % 24]!
        return chance(seed, 1, index, hour) < share
    }

    /** A device that was handed an update begins as soon as it can be reached. */
    private begin(index: number, attempt: number): void {
        if (!this.isOnline(index)) {
            const nextHour = (Math.floor(this.nowS() / HOUR_S) + 1) * HOUR_S
            return this.at(nextHour + Math.floor(chance(this.population.seed, 2, index, nextHour) * 60), () =>
                this.begin(index, attempt),
            )
        }
        if (!this.world().happen(`device-${index}`, ROLLOUT, { event: "progress", reason: "", progress: 0 })) return
        const { downloadS, seed } = this.population
        const { min, max } = typeof downloadS === "number" ? { min: downloadS, max: downloadS } : downloadS
        const takesS = Math.max(1, Math.round(min + (max - min) * chance(seed, 3, index, attempt)))
        this.at(this.nowS() + takesS, () => this.end(index, attempt))
    }

    private end(index: number, attempt: number): void {
        const { failures, seed, target } = this.population
        const id = `device-${index}`
        if (chance(seed, 4, index, attempt) < failures) {
            this.world().happen(id, ROLLOUT, { event: "failure", reason: "failed", status: -1 })
            return
        }
        const device = this.world().devices.get(id)
        if (device !== undefined) device.version = target
        this.world().happen(id, ROLLOUT, { event: "seen", reason: "the device runs it" })
    }

    /** Watches the tasks: what is handed out, a device begins in the next second. */
    onEvent({ device, event, task }: WorldEvent): void {
        if (event !== "dispatched" && event !== "resent") return
        const index = Number(device.slice("device-".length))
        this.at(this.nowS() + 1, () => this.begin(index, task.attempt))
    }

    /** Devices that are not pushed to check in once a day, each at its own time, when they can. */
    start(): void {
        if (this.knobs.delivery === "push") return
        for (let index = 0; index < this.population.devices; index += 1) {
            const firstS = Math.floor(chance(this.population.seed, 5, index) * DAY_S)
            const checkin = (): void => {
                this.at(this.nowS() + DAY_S, checkin)
                if (this.isOnline(index)) this.world().checkin(`device-${index}`)
            }
            this.at(this.nowS() + 1 + firstS, checkin)
        }
    }

    /** Everything that is due in the present second. */
    act(): void {
        const second = this.nowS()
        for (const action of this.agenda.get(second) ?? []) action()
        this.agenda.delete(second)
    }
}

function sampleOf(world: World, minute: number): Sample {
    const { pushed, offered, working, probation, succeeded, failed } = world.rollouts[0]!.snapshot.counts
    return { minute, pushed, working: offered + working + probation, succeeded, failed }
}

/** Runs a simulation to the end of its rollout, or of its time. */
export function simulate(population: Population): Simulation {
    const knobs: Knobs = { ...KNOBS_DEFAULT, delivery: "push", ...(population.knobs as Partial<Knobs>) }
    const startS = START_S + Math.round(population.startHour * HOUR_S)
    const fleet: Fleet = new Fleet(() => world, population, knobs)
    const world: World = new World(startS * 1000, event => fleet.onEvent(event))
    addDevices(world, population)
    const { snapshot } = world.addRollout(ROLLOUT, releaseOf(population.target), "snapshot", knobs)
    fleet.start()
    const samples: Sample[] = []
    const endS = startS + population.hoursMax * HOUR_S
    for (let second = startS; second <= endS; second += 1) {
        world.nowMs = second * 1000
        world.tick()
        fleet.act()
        const isOver = snapshot.state === "finished" || snapshot.state === "paused"
        if ((second - startS) % 60 === 0 || isOver) samples.push(sampleOf(world, Math.ceil((second - startS) / 60)))
        if (isOver) break
    }
    const { state, outcome } = snapshot
    return { samples, state, outcome, devices: population.devices, minutes: samples.at(-1)?.minute ?? 0 }
}
