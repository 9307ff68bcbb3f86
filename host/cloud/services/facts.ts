// From rows of the store to the facts that the domain decides on.

import { devicesLimit } from "../domain/pace"
import { storedPolicy } from "../domain/policy/policy"
import type { Scope } from "../domain/rollout"
import { taskActive } from "../domain/task-machine"
import type { Candidate, DeviceFacts, ReleaseFacts, RolloutFacts } from "../domain/types"
import type { DeviceRow, GroupRow, RolloutCandidate, Tables, TaskRow } from "../store/store"

/** What a device has before anything is known of it. */
export const DEVICE_NEW: Pick<DeviceRow, "versions" | "versionAt" | "tags" | "region" | "reported" | "desired"> = Object.freeze({
    versions: {},
    versionAt: null,
    tags: [],
    region: "",
    reported: {},
    desired: {},
})

/** What decides whether devices are in the scopes of rollouts, and whether limits leave room. */
export interface Surroundings {
    listed: { tenant: string; device: string; rollout: string }[]
    grouped: { tenant: string; device: string; group: string }[]
    groups: GroupRow[]
    /** Rollouts whose limit of devices is reached. */
    full: ReadonlySet<string>
    /** Set while a snapshot is written down, and in previews: its rollout takes devices. */
    joining?: string
}

/** The facts of a release out of a candidate. */
export function releaseFacts(row: RolloutCandidate): ReleaseFacts {
    const { expires, platform, requires } = row.manifest
    const hasFull = !Object.values(row.deltas).includes(row.artifact)
    return {
        id: row.release,
        product: row.product,
        module: row.module,
        cloud: row.cloud,
        version: row.version,
        policy: row.policy,
        enabled: row.enabled,
        platform,
        requires: requires ?? "",
        requirement: row.requirement,
        deltaSources: hasFull ? [] : Object.keys(row.deltas),
        verified: row.verified,
        expiresS: expires === undefined ? 0 : Math.floor(Date.parse(expires) / 1000),
    }
}

/** The facts of a device. */
export function deviceFacts(row: DeviceRow): DeviceFacts {
    const { id, product, attributes, version, versions, claimed, cloud, region, tags } = row
    const versionAtS = row.versionAt === null ? 0 : row.versionAt.getTime() / 1000
    return { id, product, attributes, version, versions, versionAtS, claimed, cloud, region, tags }
}

/** Whether a device is in a group: listed, by expression, or in one of a union. */
export function inGroup(device: DeviceRow, group: string, around: Surroundings, depth = 1): boolean {
    const row = around.groups.find(({ id, tenant }) => id === group && tenant === device.tenant)
    if (row === undefined) return false
    if (row.kind === "union") return depth > 0 && row.groups.some(one => inGroup(device, one, around, depth - 1))
    if (row.kind === "where") {
        const parsed = storedPolicy(row.where)
        return parsed.ok && parsed.policy.holds(deviceFacts(device), "")
    }
    return around.grouped.some(one => one.group === group && one.device === device.id && one.tenant === device.tenant)
}

/** Whether a device is one of those that a rollout is for. */
export function inScope(
    device: DeviceRow,
    { rollout, scope }: Pick<RolloutCandidate, "rollout" | "scope">,
    around: Surroundings,
): boolean {
    switch (scope.kind) {
        case "all":
            return true
        case "regions":
            return scope.regions.includes(device.region)
        case "tags":
            return scope.tags.some(tag => device.tags.includes(tag))
        case "groups":
            return scope.groups.some(group => inGroup(device, group, around))
        default:
            return around.listed.some(one => one.rollout === rollout && one.device === device.id && one.tenant === device.tenant)
    }
}

function rolloutFacts(device: DeviceRow, row: RolloutCandidate, around: Surroundings): RolloutFacts {
    const joining = around.joining === row.rollout
    return {
        id: row.rollout,
        mode: row.mode,
        state: joining ? "running" : row.state,
        scope: row.scope.kind,
        listed: inScope(device, row, around),
        knobs: row.knobs,
        createdAtS: row.createdAt.getTime() / 1000,
        joinable: joining || (row.mode === "continuous" && row.state === "running"),
        hasRoom: !around.full.has(row.rollout),
    }
}

/** The candidates of one device: the rollouts of its tenant and product. `tasks` are its last tasks. */
export function candidatesOf(
    device: DeviceRow,
    rollouts: RolloutCandidate[],
    around: Surroundings,
    tasks: TaskRow[],
): Candidate[] {
    const own = rollouts.filter(row => row.tenant === device.tenant && row.product === device.product)
    const underWay = tasks.filter(({ state }) => taskActive(state))
    return own.map(row => ({
        release: releaseFacts(row),
        rollout: rolloutFacts(device, row, around),
        task: tasks.find(task => task.rollout === row.rollout) ?? null,
        underWay,
    }))
}

/** The entries of `rows` that belong to a device. */
export function ofDevice<Row extends { tenant: string; device: string }>(device: DeviceRow, rows: Row[]): Row[] {
    return rows.filter(row => row.tenant === device.tenant && row.device === device.id)
}

async function groupsOf(tables: Tables, rollouts: Pick<RolloutCandidate, "tenant" | "scope">[]): Promise<GroupRow[]> {
    const found: GroupRow[] = []
    for (const tenant of new Set(rollouts.map(row => row.tenant))) {
        const ids = rollouts.flatMap(row => (row.tenant === tenant && row.scope.kind === "groups" ? row.scope.groups : []))
        const direct = await tables.groups.getMany(tenant, [...new Set(ids)])
        const inner = direct.flatMap(({ groups }) => groups).filter(id => !ids.includes(id))
        found.push(...direct, ...(inner.length === 0 ? [] : await tables.groups.getMany(tenant, [...new Set(inner)])))
    }
    return found
}

async function fullRollouts(tables: Tables, rollouts: RolloutCandidate[]): Promise<Set<string>> {
    const limited = rollouts.filter(({ knobs }) => knobs.limits.devicesMax !== null || knobs.limits.devicesPercent !== null)
    const counts = limited.length === 0 ? new Map() : await tables.rollouts.counts(limited.map(row => row.rollout))
    const full = limited.filter(row => counts.get(row.rollout).devices >= devicesLimit(row.knobs, row.total ?? 0))
    return new Set(full.map(row => row.rollout))
}

/** Loads what the scopes and limits of some rollouts need to know of some devices: nothing, for most. */
export async function surroundingsOf(tables: Tables, rollouts: RolloutCandidate[], deviceIds: string[]): Promise<Surroundings> {
    const kinds = new Set(rollouts.map(({ scope }) => scope.kind))
    const hasGroups = kinds.has("groups")
    return {
        listed: kinds.has("devices") || kinds.has("percent") ? await tables.rollouts.listed(deviceIds) : [],
        grouped: hasGroups ? await tables.rollouts.grouped(deviceIds) : [],
        groups: hasGroups ? await groupsOf(tables, rollouts) : [],
        full: await fullRollouts(tables, rollouts),
    }
}

/** The same for a scope by itself and some devices of one tenant. */
export async function surroundingsOfScope(
    tables: Tables,
    tenant: string,
    scope: Scope,
    devices: readonly DeviceRow[],
): Promise<Surroundings> {
    const isGroups = scope.kind === "groups"
    return {
        listed: [],
        grouped: isGroups ? await tables.rollouts.grouped(devices.map(({ id }) => id)) : [],
        groups: isGroups ? await groupsOf(tables, [{ tenant, scope }]) : [],
        full: new Set(),
    }
}
