# /// script
# dependencies = ["aiohttp>=3.14", "pandas>=2.2", "pyarrow>=21"]
# ///
"""The plain script: aiohttp, a semaphore, pandas. No journal, no limit, no retry, no accounting.

`plain.py URL IDS.csv OUT`: the form of all rivals.
"""

import asyncio
import csv
import sys
from pathlib import Path

import aiohttp
import pandas as pd

URL, IDS, OUT = sys.argv[1:4]


async def main() -> None:
    with Path(IDS).open(newline="") as file:
        ids = [row["campaign_id"] for row in csv.DictReader(file)]
    semaphore = asyncio.Semaphore(16)

    async with aiohttp.ClientSession(headers={"auth": "token", "iid": "st-1"}) as session:

        async def fetch(one: str) -> dict[str, object]:
            async with semaphore, session.get(
                f"{URL}/campaign/api/v2/public/st-1/campaign/{one}", params={"accountId": "a"}
            ) as response:  # fmt: skip
                response.raise_for_status()
                return dict((await response.json())["data"])

        data = await asyncio.gather(*(fetch(one) for one in ids))
    pd.json_normalize(data).to_parquet(Path(OUT) / "campaigns.parquet")


asyncio.run(main())
