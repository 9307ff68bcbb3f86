// What images can be built for, with the room that the target's boards have by default.

/** A kind of board that images are built for. */
export interface Target {
    /** Platform name in manifests. */
    readonly platform: string
    /** Bytes of an app slot, unless otary.json5 says otherwise. */
    readonly appSlotBytes: number
    /** Bytes of a files area, unless otary.json5 says otherwise. */
    readonly filesAreaBytes: number
}

/** Every target by its name in otary.json5. */
export const TARGETS = {
    host: { platform: "host", appSlotBytes: 256 * 1024, filesAreaBytes: 64 * 1024 },
} as const satisfies Record<string, Target>
