// What an image asks for beyond the core: bundles of images that do not ask have no byte of it.

/** A part of the firmware that starts when config.json5 has its key, with the platform's port of that name. */
interface Room {
    readonly key: string
    readonly module: string
    readonly start: string
}

const ROOMS: readonly Room[] = [
    { key: "mqtt", module: "firmware/push", start: "pushStart" },
    { key: "uart", module: "firmware/serial", start: "serialStart" },
]

/** How the room's port is come by on a platform: what emulated hardware offers, else a module of the shim. */
function portText(shim: string, key: string): string {
    return shim === "host" ? `const ${key}Port = hardware.${key}\n` : `import { ${key}Port } from "./shims/${shim}/${key}"\n`
}

/** The text that starts what a configuration asks for, behind the agent; `shim` is a folder of shims/. */
export function roomsText(shim: "host" | "espruino" | "nodemcu", config: Readonly<Record<string, unknown>>): string {
    return ROOMS.filter(({ key }) => config[key] !== undefined)
        .map(({ key, module, start }) => `import { ${start} } from "./${module}"\n${portText(shim, key)}${start}(${key}Port)\n`)
        .join("")
}
