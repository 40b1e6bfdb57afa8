// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IResourceMarket} from "../../interfaces/IResourceMarket.sol";
import {Resource} from "../../interfaces/IResources.sol";
import {Brakeable} from "../access/Brakeable.sol";
import {CurveMath} from "./CurveMath.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title ResourceMarketCurves
/// @notice The curves, the books kept for them, and what a trade would cost now.
abstract contract ResourceMarketCurves is IResourceMarket, Brakeable, ReentrancyGuardTransient {
    /// @dev Two slots for each resource; a trade writes both.
    ///
    ///      255                                  128 127                                    0
    ///     +----------------------------------------+----------------------------------------+
    ///     |  reserve: wei that back `sold`         |  sold: where on the curve we are       |
    ///     +----------------------------------------+----------------------------------------+
    ///     |  fees: wei for the treasury            |  inventory: tokens that can be bought  |
    ///     +----------------------------------------+----------------------------------------+
    struct Book {
        uint128 sold;
        uint128 reserve;
        uint128 inventory;
        uint128 fees;
    }

    /// @inheritdoc IResourceMarket
    uint256 public constant MAX_FEE = 10_000;
    uint256 internal constant PPM = 1_000_000;

    IERC20 private immutable _cpuToken;
    uint128 private immutable _cpuBase;
    uint128 private immutable _cpuSteepness;
    IERC20 private immutable _memToken;
    uint128 private immutable _memBase;
    uint128 private immutable _memSteepness;
    IERC20 private immutable _stoToken;
    uint128 private immutable _stoBase;
    uint128 private immutable _stoSteepness;
    IERC20 private immutable _netToken;
    uint128 private immutable _netBase;
    uint128 private immutable _netSteepness;

    /// @inheritdoc IResourceMarket
    /// @dev Shares a slot with the flag of the pause, so that a purchase reads one.
    uint24 public fee;
    Book[4] internal _books;

    constructor(Curve[4] memory curves) {
        for (uint256 i = 0; i < 4; ++i) {
            if (address(curves[i].token) == address(0) || curves[i].base == 0 || curves[i].steepness == 0) {
                revert ResourceMarket_InvalidCurve(Resource(i));
            }
        }
        (_cpuToken, _cpuBase, _cpuSteepness) = (curves[0].token, curves[0].base, curves[0].steepness);
        (_memToken, _memBase, _memSteepness) = (curves[1].token, curves[1].base, curves[1].steepness);
        (_stoToken, _stoBase, _stoSteepness) = (curves[2].token, curves[2].base, curves[2].steepness);
        (_netToken, _netBase, _netSteepness) = (curves[3].token, curves[3].base, curves[3].steepness);
    }

    // ------------------------------------------------------------------------------------------------------------
    // Views
    // ------------------------------------------------------------------------------------------------------------

    /// @inheritdoc IResourceMarket
    function getSpotPrice(Resource resource) external view nonReentrantView returns (uint256) {
        (uint128 base, uint128 steepness) = _shape(resource);
        return CurveMath.price(base, steepness, _books[uint256(resource)].sold);
    }

    /// @inheritdoc IResourceMarket
    function quoteBuy(Resource resource, uint256 amount) external view nonReentrantView returns (uint256 cost) {
        uint256 value = _valueOf(resource, _books[uint256(resource)], amount);
        return value + _feeOn(value);
    }

    /// @inheritdoc IResourceMarket
    function quoteBuyExactIn(Resource resource, uint256 payment)
        external
        view
        nonReentrantView
        returns (uint256 amount)
    {
        (amount,) = _purchaseFor(resource, _books[uint256(resource)], payment);
    }

    /// @inheritdoc IResourceMarket
    function quoteSell(Resource resource, uint256 amount) external view nonReentrantView returns (uint256 proceeds) {
        (proceeds,) = _sale(resource, _books[uint256(resource)], amount);
    }

    /// @inheritdoc IResourceMarket
    function curveOf(Resource resource) external view returns (Curve memory) {
        (uint128 base, uint128 steepness) = _shape(resource);
        return Curve(_token(resource), base, steepness);
    }

    /// @inheritdoc IResourceMarket
    function soldOf(Resource resource) external view returns (uint256) {
        return _books[uint256(resource)].sold;
    }

    /// @inheritdoc IResourceMarket
    function reserveOf(Resource resource) external view returns (uint256) {
        return _books[uint256(resource)].reserve;
    }

    /// @inheritdoc IResourceMarket
    function inventoryOf(Resource resource) external view returns (uint256) {
        return _books[uint256(resource)].inventory;
    }

    /// @inheritdoc IResourceMarket
    function feesOf(Resource resource) external view returns (uint256) {
        return _books[uint256(resource)].fees;
    }

    // ------------------------------------------------------------------------------------------------------------
    // Internal
    // ------------------------------------------------------------------------------------------------------------

    /// @dev What the curve takes for `amount`, rounded up, without fee.
    function _valueOf(Resource resource, Book memory book, uint256 amount) internal view returns (uint256) {
        if (amount == 0) revert ResourceMarket_ZeroAmount();
        if (amount > book.inventory) {
            revert ResourceMarket_InsufficientInventory(resource, amount, book.inventory);
        }
        (uint128 base, uint128 steepness) = _shape(resource);
        return CurveMath.area(base, steepness, book.sold, book.sold + amount, Math.Rounding.Ceil);
    }

    /// @dev The most that `payment` buys, and what the curve takes for it, rounded up, without fee.
    function _purchaseFor(Resource resource, Book memory book, uint256 payment)
        internal
        view
        returns (uint256 amount, uint256 value)
    {
        (uint128 base, uint128 steepness) = _shape(resource);
        // The largest value that, with the fee on it rounded up, is at most the payment.
        uint256 budget = Math.mulDiv(payment, PPM, PPM + fee);
        amount = CurveMath.amountFor(base, steepness, book.sold, budget);
        value = _valueOf(resource, book, amount);
    }

    /// @dev What the curve gives for `amount`, rounded down: `proceeds` for the seller and the fee.
    function _sale(Resource resource, Book memory book, uint256 amount)
        internal
        view
        returns (uint256 proceeds, uint256 charged)
    {
        if (amount > book.sold) revert ResourceMarket_InsufficientSold(resource, amount, book.sold);
        (uint128 base, uint128 steepness) = _shape(resource);
        uint256 value = CurveMath.area(base, steepness, book.sold - amount, book.sold, Math.Rounding.Floor);
        charged = _feeOn(value);
        proceeds = value - charged;
        if (proceeds == 0) revert ResourceMarket_ZeroAmount();
    }

    /// @dev The fee on a value of the curve, rounded up.
    function _feeOn(uint256 value) internal view returns (uint256) {
        return Math.ceilDiv(value * fee, PPM);
    }

    function _token(Resource resource) internal view returns (IERC20) {
        if (resource == Resource.CPU) return _cpuToken;
        if (resource == Resource.MEM) return _memToken;
        if (resource == Resource.STO) return _stoToken;
        return _netToken;
    }

    /// @dev Base and steepness.
    function _shape(Resource resource) internal view returns (uint128, uint128) {
        if (resource == Resource.CPU) return (_cpuBase, _cpuSteepness);
        if (resource == Resource.MEM) return (_memBase, _memSteepness);
        if (resource == Resource.STO) return (_stoBase, _stoSteepness);
        return (_netBase, _netSteepness);
    }

    function _checkDeadline(uint256 deadline) internal view {
        if (block.timestamp > deadline) revert ResourceMarket_Expired(deadline, block.timestamp);
    }

    function _checkRecipient(address recipient) internal view {
        if (recipient == address(0) || recipient == address(this)) revert ResourceMarket_InvalidRecipient(recipient);
    }
}
