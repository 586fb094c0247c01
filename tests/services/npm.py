"""npm packages for tests, as a folder's package-lock.json pins them by checksum."""
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SWAGGER_UI = ROOT / 'docker' / 'gateway'
OPENAPI_VALIDATOR = ROOT / 'tests' / 'http'


def install(folder):
    """Gives the path of node_modules, below .run. Nothing is fetched if it is there already; no package's script is run."""
    place = ROOT / '.run' / f'npm-{folder.name}'
    lock = place / 'package-lock.json'
    done = place / 'node_modules' / '.package-lock.json'
    if not done.exists() or lock.read_bytes() != (folder / 'package-lock.json').read_bytes():
        place.mkdir(parents=True, exist_ok=True)
        for name in ('package.json', 'package-lock.json'):
            shutil.copy(folder / name, place)
        result = subprocess.run(['npm', 'ci', '--prefix', place, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
                                capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
    return place / 'node_modules'
