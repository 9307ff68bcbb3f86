// A described population of devices and the rollout over it: read from a file, checked.

import { z } from "zod"
import { CliError } from "../cli-error"

const share = z.number().min(0).max(1)
const span = z.union([
    z.number().min(0).max(86400),
    z.strictObject({ min: z.number().min(0), max: z.number().max(86400) }).refine(({ min, max }) => min <= max, "min above max"),
])

const populationSchema = z.strictObject({
    /** Devices in the scope. */
    devices: z.int().min(1).max(1_000_000),
    /** Version → share of the devices that run it; together at most 1, the rest runs the target already. */
    versions: z.record(z.string(), share).default({ "1.0.0": 1 }),
    /** The version that the rollout brings. */
    target: z.string().default("1.1.0"),
    /** Share of the devices that can be reached: always, or for each hour of the day. */
    online: z.union([share, z.array(share).length(24)]).default(1),
    /** Share of the attempts that fail. */
    failures: share.default(0),
    /** Seconds of download and restart. */
    downloadS: span.default({ min: 30, max: 120 }),
    /** Knobs of the rollout, as the API takes them. */
    knobs: z.record(z.string(), z.unknown()).default({}),
    /** Hour of the day (UTC) at which it starts. */
    startHour: z.number().min(0).lt(24).default(9),
    /** Virtual time after which the simulation stops, in hours. */
    hoursMax: z
        .number()
        .positive()
        .max(24 * 60)
        .default(24 * 14),
    seed: z
        .int()
        .min(0)
        .max(2 ** 32 - 1)
        .default(1),
})

/** A population and its rollout. */
export type Population = z.infer<typeof populationSchema>

/** Checks what a file holds. Throws CLI_FILE with every field that is wrong. */
export function readPopulation(value: unknown): Population {
    const parsed = populationSchema.safeParse(value)
    const hint = 'docs/cli.md, "rollout simulate", lists the fields'
    if (!parsed.success) {
        const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "file"}: ${message}`)
        throw new CliError("CLI_FILE", `the population is not valid: ${issues.join("; ")}`, hint)
    }
    const sum = Object.values(parsed.data.versions).reduce((total, one) => total + one, 0)
    if (sum > 1 + 1e-9) throw new CliError("CLI_FILE", `the shares of the versions add up to ${sum}, 1 at most may be`, hint)
    return parsed.data
}
