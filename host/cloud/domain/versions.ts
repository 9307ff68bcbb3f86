// Versions of a device's modules, and when two versions are the same.

import { versionCompare, versionValid } from "../../../firmware/version"
import { MODULE_DEFAULT, type DeviceFacts } from "./types"

/** The version that a device reported of a module; "" for none. */
export function versionOf(device: DeviceFacts, module: string): string {
    if (module === MODULE_DEFAULT) return device.version
    return Object.hasOwn(device.versions, module) ? (device.versions[module] ?? "") : ""
}

/** Whether two versions are the same by precedence; of texts that are no versions, whether they are equal. */
export function versionSame(a: string, b: string): boolean {
    return a === b || (versionValid(a) && versionValid(b) && versionCompare(a, b) === 0)
}
