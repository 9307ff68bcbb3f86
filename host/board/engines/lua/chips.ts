// The chips that NodeMCU runs on, as far as an emulated board tells them apart.

/** A chip's name. */
export type ChipName = "esp32" | "esp8266"

/** What a board of this chip is. */
export interface Chip {
    /** Platform name of its images. */
    readonly platform: string
    /**
     * Seconds that the system's own watchdog waits: it is fed for as long as Lua gives the system the time (ESP-IDF's default; the
     * ESP8266's takes 3.2 s in software, and 8 s in hardware).
     */
    readonly watchdogS: number
    /** Whether it can have two partitions for native firmware. */
    readonly hasOta: boolean
}

/** Every chip by its name. */
export const CHIPS: Readonly<Record<ChipName, Chip>> = {
    esp32: { platform: "nodemcu", watchdogS: 5, hasOta: true },
    esp8266: { platform: "nodemcu-esp8266", watchdogS: 3, hasOta: false },
}

/** The chip whose images carry this platform name; "esp32" for any other. */
export function chipOfPlatform(platform: string | undefined): ChipName {
    const names = Object.keys(CHIPS) as ChipName[]
    return names.find(name => CHIPS[name].platform === platform) ?? "esp32"
}
