// Bundles for NodeMCU boards: shim, agent and app as one Lua text for an app slot, and init.lua, the boot loader.

import { resolve } from "node:path"
import type { BundleConstants } from "./bundle-host"
import { bundleLua, bundleLuaSlot } from "./lua/compile"
import type { LuaInput } from "./lua/program"
import { roomsText } from "./rooms"
import { projectRoot } from "./root"

/** A chip that NodeMCU runs on. */
export type NodemcuChip = "esp32" | "esp8266"

/** How bundles for a chip differ: modules that take the place of others, and what stays in memory. */
export const NODEMCU_CHIPS: Readonly<Record<NodemcuChip, Required<Pick<LuaInput, "instead" | "isSmall">>>> = {
    esp32: { instead: {}, isSmall: false },
    esp8266: { instead: { "./esp32": "./esp8266" }, isSmall: true },
}

/**
 * The steps of a start: the platform's ports first, then the agent with what the configuration asks for beside it, so that an app that
 * fails at its start is still watched.
 */
function startSteps(root: string, config: BundleConstants["config"]): { readonly path: string; readonly text: string }[] {
    return [
        {
            path: resolve(root, "otary-ports.ts"),
            text: 'import { nodemcuMain } from "./shims/nodemcu/main"\nnodemcuMain()\n',
        },
        {
            path: resolve(root, "otary-agent.ts"),
            text: `import { agentStart } from "./firmware/agent"\nagentStart()\n${roomsText("nodemcu", config)}`,
        },
    ]
}

/**
 * The code of an app slot: Lua text for the compiler on the board, which 5.1 and 5.3, with floating-point or integer numbers, all
 * read. `appPath` is app.ts or app.js. Throws PACK_BUNDLE with file, line and column.
 */
export async function bundleNodemcuApp(
    appPath: string,
    constants: BundleConstants,
    chip: NodemcuChip = "esp32",
): Promise<Buffer> {
    const root = projectRoot()
    const steps = startSteps(root, constants.config)
    const app = resolve(appPath)
    const entries = [...steps.map(({ path }) => path), app]
    const values = { __OTARY_IMAGE__: constants.image, __OTARY_DEVICE__: constants.device, __OTARY_CONFIG__: constants.config }
    const { keys, sig_req_mask: mask } = constants.image
    const isUnsigned = keys === undefined && mask === undefined
    // An image without keys leaves the check of signatures out.
    const { instead: ofChip, isSmall } = NODEMCU_CHIPS[chip]
    const instead = { ...ofChip, ...(isUnsigned && { "./signature": "./unsigned" }) }
    return Buffer.from(bundleLuaSlot({ root, entries, virtual: steps, instead, isSmall }, values, app))
}

/** init.lua: written to a board once and never updated. */
export function bundleNodemcuLoader(chip: NodemcuChip = "esp32"): Buffer {
    const root = projectRoot()
    const entries = [resolve(root, "shims/nodemcu/loader.ts")]
    const { instead } = NODEMCU_CHIPS[chip]
    return Buffer.from(bundleLua({ root, entries, virtual: [], instead }, {}))
}
