// What runs the code of `otary board`'s boards, by name: how a board of each engine is made.

import { bundleEspruinoLoader } from "../../../build/bundle-espruino"
import { bundleLoader } from "../../../build/bundle-host"
import { bundleNodemcuLoader } from "../../../build/bundle-nodemcu"
import { inspectImage } from "../../../build/inspect"
import type { EngineName } from "../../board/board-folder"
import { manufactureEspruino } from "../../board/engines/espruino-factory"
import { ESPRUINO_MODELS, espruinoLayout } from "../../board/engines/espruino-layout"
import { chipOfPlatform, CHIPS } from "../../board/engines/lua/chips"
import { manufacture, type FactoryOrder } from "../../board/factory"

/** Makes a board in a folder. Errors: BoardError. */
export type Make = (folder: string, order: Omit<FactoryOrder, "loader">) => Promise<void>

async function hostMake(): Promise<Make> {
    const loader = (await bundleLoader()).toString("latin1")
    return async (folder, order) => manufacture(folder, { ...order, loader })
}

async function espruinoMake(): Promise<Make> {
    const loader = (await bundleEspruinoLoader(espruinoLayout(ESPRUINO_MODELS.linux))).toString("latin1")
    return (folder, order) => manufactureEspruino(folder, { ...order, loader })
}

/** The image says for which chip it is. */
async function luaMake(): Promise<Make> {
    return async (folder, order) => {
        const chip = chipOfPlatform(inspectImage(Buffer.from(order.image)).manifest?.platform)
        const loader = bundleNodemcuLoader(chip).toString("latin1")
        manufacture(folder, { ...order, loader, engine: "lua", platform: CHIPS[chip].platform, chip })
    }
}

/** Builds an engine's boot loader once, and returns what makes boards with it. */
export const ENGINE_MAKES: Partial<Record<EngineName, () => Promise<Make>>> = {
    host: hostMake,
    lua: luaMake,
    espruino: espruinoMake,
}
