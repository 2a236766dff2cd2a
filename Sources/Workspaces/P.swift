import AsyncHTTPClient
import CArchive
import Crypto
import GRDB
import Subprocess
import Yams
