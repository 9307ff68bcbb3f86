// The demo's outcome: what the boards say of themselves against what the cloud has recorded.

import type { Device, Task } from "../api-types"
import type { DemoBoard } from "./board-model"

/** The one line of `otary demo --json`. */
export interface DemoResult {
    readonly boards: number
    /** Boards by the version that they run. */
    readonly versions: Readonly<Record<string, number>>
    /** Boards that committed the good release, and of which the cloud recorded so. */
    readonly updated: number
    /** Boards that went back from the bad release, and of which the cloud recorded so. */
    readonly rolledBack: number
    /** Boards that do not run, or do not reach their cloud any more. */
    readonly bricked: number
    readonly seconds: number
}

/** Everything that was observed. */
export interface Observed {
    readonly boards: readonly DemoBoard[]
    /** What the cloud recorded. */
    readonly devices: readonly Device[]
    readonly goodTasks: readonly Task[]
    readonly badTasks: readonly Task[]
    /** Version of the good release, which all boards are to run in the end. */
    readonly version: string
    /** Ids of the boards that were to get the bad release. */
    readonly listed: readonly string[]
    /** Ids of boards that were not heard of in the end. */
    readonly silent: readonly string[]
    readonly seconds: number
}

/** One fact, told twice. */
interface Fact {
    readonly what: string
    readonly board: boolean
    readonly cloud: boolean
    readonly expected: boolean
}

function factsOf(observed: Observed, board: DemoBoard): Fact[] {
    const { version, listed } = observed
    const has = (tasks: readonly Task[], state: Task["state"]): boolean =>
        tasks.some(task => task.device === board.id && task.state === state)
    return [
        {
            what: `committed ${version}`,
            board: board.commits.includes(version),
            cloud: has(observed.goodTasks, "succeeded"),
            expected: true,
        },
        {
            what: "rolled the bad release back",
            board: board.rollbacks > 0,
            cloud: has(observed.badTasks, "failed"),
            expected: listed.includes(board.id),
        },
    ]
}

function factDifference(id: string, { what, board, cloud, expected }: Fact): string[] {
    const says = (value: boolean): string => (value ? "yes" : "no")
    if (board === expected && cloud === expected) return []
    return [`${id} ${what}: board ${says(board)}, cloud ${says(cloud)}, expected ${says(expected)}`]
}

function versionDifference({ devices, version }: Observed, board: DemoBoard): string[] {
    const recorded = devices.find(device => device.id === board.id)?.version ?? "nothing"
    if (board.version === version && recorded === version) return []
    return [`${board.id} runs ${board.version || "nothing"}, the cloud recorded ${recorded}, expected ${version}`]
}

/** Everything in which boards, cloud and expectation do not agree, one sentence each; none when all is well. */
export function differencesOf(observed: Observed): string[] {
    const silent = observed.silent.map(id => `${id} was not heard of any more`)
    const others = observed.boards.flatMap(board => [
        ...versionDifference(observed, board),
        ...factsOf(observed, board).flatMap(fact => factDifference(board.id, fact)),
    ])
    return [...silent, ...others]
}

/** The outcome in numbers. An update or a rollback counts only where board and cloud both say so. */
export function resultOf(observed: Observed): DemoResult {
    const { boards, silent, seconds } = observed
    const versions: Record<string, number> = {}
    for (const { version } of boards) if (version !== "") versions[version] = (versions[version] ?? 0) + 1
    const facts = boards.map(board => factsOf(observed, board))
    const count = (index: number): number => facts.filter(all => all[index]!.board && all[index]!.cloud).length
    return { boards: boards.length, versions, updated: count(0), rolledBack: count(1), bricked: silent.length, seconds }
}
