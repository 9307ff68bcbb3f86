// A cloud process for tests that kill it: node FILE DATA_DIR [DATABASE_URL] prints its address and token once it is ready.

import { startCloud } from "../../host/cloud/cloud"

const [dataDir, databaseUrl] = process.argv.slice(2)

void startCloud({ dataDir: dataDir as string, log: "silent", ...(databaseUrl === undefined ? {} : { databaseUrl }) }).then(
    cloud => {
        process.stdout.write(`${cloud.url} ${cloud.adminToken}\n`)
    },
)
