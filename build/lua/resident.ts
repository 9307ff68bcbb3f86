// Functions of firmware that stay in memory on Lua boards although no comment says so: every chunk or block of a download calls them.

/** Module → names, "*" for all of them: its variables are locals then. Functions marked @hot or @resident need no mention. */
export const RESIDENT: Readonly<Record<string, readonly string[]>> = {
    bytes: ["crcOfNibble"],
    journal: ["markUnit"],
    region: ["bytesAreErased", "regionIsErased", "regionRead"],
    zip: ["*"],
    blocks: ["*"],
    "file-region": ["*"],
    stage: ["*"],
}
