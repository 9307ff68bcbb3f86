// `npm run kills`: the cloud is killed 50 times, or as many as the first argument says.

import { runKills } from "./kills"

const kills = Number(process.argv[2] ?? 50)
const seed = Number(process.env["SEED"] ?? Date.now() % 0x7fffffff)

void runKills(kills, seed, line => console.log(line)).then(
    found => console.log(JSON.stringify(found)),
    (error: unknown) => {
        console.error(error)
        process.exitCode = 1
    },
)
