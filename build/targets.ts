// What images can be built for: how the code of a target's app slot is made, and the room that its boards have by default.

import { bundleEspruinoApp } from "./bundle-espruino"
import { bundleApp, type BundleConstants } from "./bundle-host"
import { bundleNodemcuApp } from "./bundle-nodemcu"

/** A kind of board that images are built for. */
export interface Target {
    /** Platform name in manifests. */
    readonly platform: string
    /** Name of the app part's entry. */
    readonly appSrc: string
    /** Bytes of an app slot, unless otary.json5 says otherwise. */
    readonly appSlotBytes: number
    /** Bytes of a files area, unless otary.json5 says otherwise. */
    readonly filesAreaBytes: number
    /** Whether its boards can replace the native firmware below the app: part type `fw`. */
    readonly takesNative?: boolean
    /** The code of an app slot out of app.ts or app.js. Throws PACK_BUNDLE with file, line and column. */
    bundle(this: void, appPath: string, constants: BundleConstants): Promise<Buffer>
}

/** Every target by its name in otary.json5. */
export const TARGETS = {
    host: {
        platform: "host",
        appSrc: "app.js",
        appSlotBytes: 256 * 1024,
        filesAreaBytes: 64 * 1024,
        bundle: bundleApp,
    },
    espruino: {
        platform: "espruino",
        appSrc: "app.js",
        appSlotBytes: 192 * 1024,
        filesAreaBytes: 64 * 1024,
        bundle: bundleEspruinoApp,
    },
    nodemcu: {
        platform: "nodemcu",
        appSrc: "app.lua",
        appSlotBytes: 256 * 1024,
        filesAreaBytes: 64 * 1024,
        takesNative: true,
        bundle: bundleNodemcuApp,
    },
    "nodemcu-esp8266": {
        platform: "nodemcu-esp8266",
        appSrc: "app.lua",
        appSlotBytes: 128 * 1024,
        filesAreaBytes: 32 * 1024,
        bundle: (appPath, constants) => bundleNodemcuApp(appPath, constants, "esp8266"),
    },
} as const satisfies Record<string, Target>
