// Bundles for the target `nodemcu`: shim, agent and app as one Lua text for an app slot, and init.lua, the boot loader.

import { resolve } from "node:path"
import type { BundleConstants } from "./bundle-host"
import { bundleLua, bundleLuaSlot } from "./lua/compile"
import { roomsText } from "./rooms"
import { projectRoot } from "./root"

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
export async function bundleNodemcuApp(appPath: string, constants: BundleConstants): Promise<Buffer> {
    const root = projectRoot()
    const steps = startSteps(root, constants.config)
    const app = resolve(appPath)
    const entries = [...steps.map(({ path }) => path), app]
    const values = { __OTARY_IMAGE__: constants.image, __OTARY_DEVICE__: constants.device, __OTARY_CONFIG__: constants.config }
    const { keys, sig_req_mask: mask } = constants.image
    const isUnsigned = keys === undefined && mask === undefined
    return Buffer.from(bundleLuaSlot({ root, entries, virtual: steps, isUnsigned }, values, app))
}

/** init.lua: written to a board once and never updated. */
export function bundleNodemcuLoader(): Buffer {
    const root = projectRoot()
    return Buffer.from(bundleLua({ root, entries: [resolve(root, "shims/nodemcu/loader.ts")], virtual: [] }, {}))
}
