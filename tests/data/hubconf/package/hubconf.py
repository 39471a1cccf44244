# Names from files of the repository, by every kind of import.
import nets
import nets.basic as nets_basic
import nets.blocks.conv
from nets import basic, make_default
from nets.basic import Basic, build as build_basic
from nets.blocks import *
from nets.chain import chained as renamed
from nets.stars import *

dependencies = ["torch"]
by_attribute = nets.blocks.conv.conv_net
by_module = basic.build
by_alias = nets_basic.Basic
