// Policies over a fleet: devices per second on one core, beside the least that any evaluation does in the same run.

import { parsePolicy, type Policy } from "../../host/cloud/domain/policy/policy"
import type { PolicyDevice } from "../../host/cloud/domain/policy/names"

const DEVICES = 100_000
const ROUNDS = 9
const NEW_VERSION = "1.10.0"
/** By name; the first is what a release without a policy gets. */
const POLICIES: readonly (readonly [string, string])[] = [
    ["blank", ""],
    ["typical", 'semver(version, "<", newVersion) && model == "esp32-s3" && memory >= 512 && try-beta-features == 1'],
    ["regular expression", "model =~ /^esp32-s[23]$/ && serial != /^SN-0*[13579]/"],
    ["failing on every device", "model > 3"],
]

/** One policy's figures. */
export interface PolicyFigures {
    name: string
    /** Median over the rounds. */
    devicesPerS: number
    /** Devices for which it holds. */
    holding: number
}

/** All figures: the floor is a pass that reads two properties of each device and compares them. */
export interface PolicyBench {
    floorPerS: number
    policies: PolicyFigures[]
}

/** A fleet as JSON would bring it: 7 properties, 20 versions, 4 models. */
function fleet(): PolicyDevice[] {
    return Array.from({ length: DEVICES }, (_, i) => {
        const attributes = {
            name: `device ${i}`,
            model: ["esp32", "esp32-s2", "esp32-s3", "esp8266"][i % 4],
            serial: `SN-${i}`,
            memory: 256 << (i % 3),
            ports: 32,
            "try-beta-features": (i >> 2) % 2,
            value: { x: i },
        }
        const device = { id: `D${i}`, product: "P", version: `1.${i % 20}.0`, attributes }
        return JSON.parse(JSON.stringify(device)) as PolicyDevice
    })
}

function median(values: number[]): number {
    return [...values].sort((a, b) => a - b)[values.length >> 1]!
}

/** Devices per second of a predicate, and for how many it holds. */
function measure(devices: readonly PolicyDevice[], holds: (device: PolicyDevice) => boolean): Omit<PolicyFigures, "name"> {
    let holding = 0
    const rates = Array.from({ length: ROUNDS }, () => {
        holding = 0
        const start = process.hrtime.bigint()
        for (const device of devices) if (holds(device)) holding += 1
        return devices.length / (Number(process.hrtime.bigint() - start) / 1e9)
    })
    return { devicesPerS: median(rates), holding }
}

function policyOf(text: string): Policy {
    const parsed = parsePolicy(text)
    if (!parsed.ok) throw new Error(parsed.error.message)
    return parsed.policy
}

/** Measures every policy over the whole fleet. */
export function benchPolicy(): PolicyBench {
    const devices = fleet()
    const floor = measure(devices, ({ attributes }) => attributes["model"] === "esp32-s3" && attributes["memory"] === 512)
    const policies = POLICIES.map(([name, text]) => {
        const { holds } = policyOf(text)
        return { name, ...measure(devices, device => holds(device, NEW_VERSION)) }
    })
    return { floorPerS: floor.devicesPerS, policies }
}
