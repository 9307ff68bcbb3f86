// A device whose cloud is killed: it takes what it is offered, and remembers what the cloud acknowledged.

import { lt } from "semver"
import type { Json } from "../api/cloud-fixture"
import type { CloudProcess } from "./cloud-process"

const FINAL = ["succeeded", "failed", "canceled", "skipped"]

/** One device. */
export class KilledDevice {
    version = "1.0.0"
    /** Check-ins that were acknowledged; each carries its number as an attribute. */
    checkins = 0
    /** Tasks that it was offered, and those whose success was acknowledged. */
    readonly offered = new Set<string>()
    readonly acknowledged = new Set<string>()
    private asked = 0

    constructor(
        readonly id: string,
        private readonly token: string,
    ) {}

    private async post({ url }: CloudProcess, path: string, body: object): Promise<Json> {
        const headers = { Authorization: `bearer ${this.token}`, "Content-Type": "application/json" }
        const answer = await fetch(url + path, { method: "POST", headers, body: JSON.stringify({ id: this.id, ...body }) })
        if (!answer.ok) throw new Error(`${path}: ${answer.status}`)
        return answer.json()
    }

    /** One check-in, and the update that it brings. Throws when the cloud does not answer. */
    async live(cloud: CloudProcess): Promise<void> {
        this.asked += 1
        const number = this.asked
        const { update, version } = await this.post(cloud, "/tok/provision/update", { version: this.version, number })
        this.checkins = number
        if (update === undefined) return
        this.offered.add(update)
        await this.post(cloud, "/tok/provision/updateReport", { success: true, update, version })
        this.version = version
        this.acknowledged.add(update)
    }

    /** Compares with what the cloud has. Answers the rollouts whose tasks are handed out to it. Throws when something is lost. */
    async check(cloud: CloudProcess): Promise<string[]> {
        const { attributes, version } = await cloud.api("GET", `/devices/${this.id}`)
        if ((attributes.number ?? 0) < this.checkins) throw new Error(`${this.id}: check-in ${this.checkins} is lost`)
        const { items } = await cloud.api("GET", `/tasks?device=${this.id}&limit=500`)
        const active = items.filter(({ state }: Json) => !FINAL.includes(state))
        if (active.length > 1) throw new Error(`${this.id}: ${active.length} tasks are under way`)
        const states = new Map<string, string>(items.map(({ id, state }: Json) => [id, state]))
        for (const update of this.offered) if (!states.has(update)) throw new Error(`${this.id}: task ${update} is lost`)
        for (const update of this.acknowledged) {
            if (states.get(update) !== "succeeded")
                throw new Error(`${this.id}: ${update} succeeded, and is ${states.get(update)}`)
        }
        if (this.acknowledged.size > 0 && lt(version, this.version))
            throw new Error(`${this.id}: version ${this.version} is lost`)
        return active.filter(({ state }: Json) => /offered|working|probation/.test(state)).map(({ rollout }: Json) => rollout)
    }
}
