// Hash partitions, as the migrations make them.

/** Partitions of a table; fixed for ever, since a key's partition depends on it. */
const PARTITIONS = 8

/** The statements that make the partitions of a table, by hash of its partition key. */
export function hashPartitions(table: string): string {
    const one = (index: number): string =>
        `create table ${table}_${index} partition of ${table} for values with (modulus ${PARTITIONS}, remainder ${index});`
    return Array.from({ length: PARTITIONS }, (_, index) => one(index)).join("\n")
}
