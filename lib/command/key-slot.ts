/** Slots of a Cluster; redis.io, "Redis cluster specification". */
const SLOT_COUNT = 16_384;

/** CRC16 as Redis has it: polynomial 0x1021, beginning with 0. */
const POLYNOMIAL = 0x1021;

/** The slot of a key: that of its hash tag, if it has one. @internal */
export function keySlot(key: string): number {
  const tag = /^[^{]*\{([^}]+)\}/.exec(key)?.[1] ?? key;
  let crc = 0;
  for (const byte of Buffer.from(tag)) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ POLYNOMIAL;
    crc &= 0xffff;
  }
  return crc % SLOT_COUNT;
}
